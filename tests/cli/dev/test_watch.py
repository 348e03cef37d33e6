"""Which folders are watched."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest

from perdure.cli.dev import watch
from perdure.cli.dev.watch import Watch, list_folders


def test_folders_of_code_are_and_hidden_ones_caches_and_virtual_environments_are_not(tmp_path: Path) -> None:
    for name in ("a/b/c", ".git/objects", "a/__pycache__", "node_modules/x", "own-venv/lib", "a/.perdure"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "own-venv" / "pyvenv.cfg").touch()
    (tmp_path / "linked").symlink_to(tmp_path / "a", target_is_directory=True)
    assert list_folders(tmp_path) == {tmp_path, tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c"}


def test_of_very_many_those_nearest_to_the_top_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MAX_FOLDERS", 4)
    for name in ("a/b/c", "d", "e"):
        (tmp_path / name).mkdir(parents=True)
    assert list_folders(tmp_path) == {tmp_path, tmp_path / "a", tmp_path / "d", tmp_path / "e"}


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert list_folders(tmp_path / "gone") == {tmp_path / "gone"}


def test_what_is_saved_before_the_system_tells_of_it_is_found_all_the_same(tmp_path: Path) -> None:
    """The thread of the watch begins when it likes; here it is only begun after the file has been saved."""
    app = tmp_path / "app.py"
    app.write_text("a = 1\n", encoding="utf-8")
    told: queue.SimpleQueue[list[Path]] = queue.SimpleQueue()
    looking = Watch(tmp_path, tmp_path, told.put)
    begin, looking._thread.start = looking._thread.start, lambda: None  # type: ignore[method-assign]
    looking.start()
    app.write_text("a = 22\n", encoding="utf-8")
    (tmp_path / ".env").write_text("A=1\n", encoding="utf-8")
    begin()
    assert told.get(timeout=60) == [tmp_path / ".env", app]
    app.unlink()
    assert told.get(timeout=60) == [app]
    looking.stop()
    assert told.empty()


def test_what_is_no_code_is_not_told_of(tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text("a = 1\n", encoding="utf-8")
    told: queue.SimpleQueue[list[Path]] = queue.SimpleQueue()
    looking = Watch(tmp_path, tmp_path, told.put)
    looking.start()
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden").mkdir()
    app.write_text("a = 22\n", encoding="utf-8")
    assert told.get(timeout=60) == [app]
    looking.stop()
    assert told.empty()
