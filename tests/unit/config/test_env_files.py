from __future__ import annotations

from pathlib import Path

import pytest

from perdure.config.env_files import read_env_files, with_env_files
from perdure.errors import InvalidArgumentError


def test_the_local_file_goes_before_that_of_development_and_that_before_the_plain_one(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=plain\nB=plain\nC=plain\n", encoding="utf-8")
    (tmp_path / ".env.development").write_text("B=development\nC=development\n", encoding="utf-8")
    (tmp_path / ".env.local").write_text("C=local\n", encoding="utf-8")
    assert read_env_files(tmp_path) == {"A": "plain", "B": "development", "C": "local"}


def test_what_is_set_in_the_process_goes_before_every_file_even_if_it_is_set_to_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env.local").write_text("A=file\nB=file\nC=file\n", encoding="utf-8")
    assert with_env_files({"A": "process", "B": ""}, tmp_path) == {"A": "process", "B": "", "C": "file"}


def test_without_files_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert read_env_files(tmp_path) == {}


def test_quotes_remarks_exports_and_references_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "process.example")
    text = '# a remark\nexport NAME="two words" # another\nHOST=file.example\nURL=https://${HOST}/${NAME}\nBARE\n'
    (tmp_path / ".env").write_text(f"\ufeff{text}", encoding="utf-8")
    assert read_env_files(tmp_path) == {
        "NAME": "two words",
        "HOST": "file.example",
        "URL": "https://process.example/two words",
    }


def test_a_line_that_sets_nothing_is_named_by_its_number_and_little_of_it_is_shown(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nthis is = no = variable, and has a secret-at-its-end\n", encoding="utf-8")
    with pytest.raises(InvalidArgumentError, match=r"\.env, line 2: .* write NAME=value") as caught:
        read_env_files(tmp_path)
    assert "secret" not in str(caught.value)


def test_a_nul_that_no_process_could_be_given_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=1\nB=x\0y\n")
    with pytest.raises(InvalidArgumentError, match="line 2: there is a NUL"):
        read_env_files(tmp_path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe\n")
    with pytest.raises(InvalidArgumentError, match="cannot be read as text"):
        read_env_files(tmp_path)
