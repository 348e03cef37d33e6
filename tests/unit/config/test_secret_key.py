"""The key of a database: from the environment, or from a file beside it that only its owner reads."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from perdure.config.secret_key import load_secret_key
from perdure.errors import InvalidArgumentError


def test_the_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db.key"
    key = load_secret_key(path, {})
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_secret_key(path, {}) == key
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_of_many_who_make_it_at_once_all_get_one_key(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db.key"
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(load_secret_key(path, {}))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 16
    assert set(keys) == {load_secret_key(path, {})}


def test_a_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db.key"
    key = load_secret_key(path, {})
    path.chmod(0o644)
    assert load_secret_key(path, {}) == key
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_variable_goes_first(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db.key"
    environ = {"PERDURE_SECRET_KEY": "correct horse battery staple"}
    assert load_secret_key(path, environ) == load_secret_key(None, environ)
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "zz" * 32, "00" * 31, "\u00e9" * 64])
def test_a_file_without_a_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "perdure.db.key"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidArgumentError, match=r"perdure\.db\.key does not hold a key"):
        load_secret_key(path, {})


def test_a_short_variable_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="PERDURE_SECRET_KEY has 5 characters"):
        load_secret_key(None, {"PERDURE_SECRET_KEY": "short"})


def test_without_a_file_each_key_is_another() -> None:
    assert load_secret_key(None, {}) != load_secret_key(None, {})
