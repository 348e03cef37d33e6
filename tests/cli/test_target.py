"""``FILE_OR_MODULE[:client]``, read."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure.cli.target import TargetError, load_module, parse_target


def test_a_file_is_a_module_of_its_own_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    file = tmp_path / "jobs" / "my-app.py"
    file.touch()
    found = parse_target("jobs/my-app.py:shop", folder=tmp_path)
    assert (found.module, found.folder, found.file, found.attribute) == ("my_app", file.parent, file, "shop")


def test_a_file_in_a_package_is_a_module_of_it_seen_from_above_the_outermost_one(tmp_path: Path) -> None:
    inner = tmp_path / "src" / "shop" / "jobs"
    inner.mkdir(parents=True)
    for path in (inner.parent / "__init__.py", inner / "__init__.py", inner / "mail.py"):
        path.touch()
    for text, module in (
        ("src/shop/jobs/mail.py", "shop.jobs.mail"),
        ("src/shop/jobs/__init__.py", "shop.jobs"),
        ("src/shop/jobs", "shop.jobs"),
        (f"{inner}/mail.py", "shop.jobs.mail"),
    ):
        found = parse_target(text, folder=tmp_path)
        assert (found.module, found.folder, found.file) == (module, tmp_path / "src", None)


def test_a_module_is_looked_for_in_the_folder_at_hand(tmp_path: Path) -> None:
    found = parse_target("shop.jobs:client", folder=tmp_path)
    assert (found.module, found.folder, found.file, found.attribute) == ("shop.jobs", tmp_path, None, "client")


@pytest.mark.parametrize(
    "text", ["", ":", ":client", "app.py:", "app.py:1", "app.py:a.b", "a b", "a-b", "a..b", "../x"]
)
def test_what_is_neither_file_nor_module_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    with pytest.raises(TargetError):
        parse_target(text, folder=tmp_path)


@pytest.mark.parametrize("name", ["appp.py", "./app", "ap.py", "./aap.py"])
def test_the_nearest_file_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    (tmp_path / "zebra.py").touch()
    with pytest.raises(TargetError, match=r"Did you mean app\.py\?"):
        parse_target(name, folder=tmp_path)


def test_a_file_that_has_the_name_of_a_loaded_module_is_refused_before_it_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "json.py").touch()
    with pytest.raises(TargetError, match="'json'; give it another name"):
        load_module(parse_target("json.py", folder=tmp_path))


def test_a_module_that_misses_another_one_says_which_and_is_not_itself_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    (tmp_path / "asks_for_more.py").write_text("import there_is_no_such_module\n", encoding="utf-8")
    with pytest.raises(ModuleNotFoundError, match="there_is_no_such_module"):
        load_module(parse_target("asks_for_more", folder=tmp_path))
    with pytest.raises(TargetError, match="There is no module 'nowhere_at_all'"):
        load_module(parse_target("nowhere_at_all.jobs", folder=tmp_path))
