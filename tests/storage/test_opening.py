"""Which database a URL names."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.errors import InvalidArgumentError
from perdure.storage.opening import open_storage
from tests.storage.processes import ROOT

REFUSED = [
    "", "values.db", "/values.db", "sqlite:values.db", "sqlite:/values.db", "sqlite://values.db", "sqlite://host/values.db",
    "sqlite:///values.db?mode=ro", "sqlite:///values.db#x", "sqlite:///a%00b", "mysql://root:hunter2@host/x",
    "postgresql://user:hunter2@host/perdure",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_that_names_no_database_is_refused_with_those_that_do(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InvalidArgumentError, match=r"sqlite:///relative/path\.db") as caught:
        open_storage(url)

    assert "hunter2" not in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_url_that_is_no_text_is_refused_as_that(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="A database URL is text, not PosixPath"):
        open_storage(tmp_path / "values.db")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", ["values.db", "folder/deeper/values.db", "with%20space%3F.db"])
def test_a_relative_path_follows_three_slashes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    asyncio.run(open_storage(f"sqlite:///{name}").close())

    assert (tmp_path / name.replace("%20", " ").replace("%3F", "?")).is_file()


def test_an_absolute_path_follows_four(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "values.db"

    asyncio.run(open_storage(f"sqlite:///{path}").close())

    assert path.is_file()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_no_path_is_a_database_in_memory(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    asyncio.run(open_storage(url).close())

    assert list(tmp_path.iterdir()) == []


def test_the_driver_is_imported_only_when_a_database_is_opened() -> None:
    program = """
import sys
from perdure.storage.opening import open_storage
print(*sys.modules)
open_storage("sqlite://")
print(*sys.modules)
"""
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=True
    )
    before, after = (set(line.split()) for line in finished.stdout.splitlines())
    assert before.isdisjoint({"apsw", "perdure.storage.sqlite"})
    assert after >= {"apsw", "perdure.storage.sqlite"}


def mode_of(file: Path) -> str:
    return oct(file.stat().st_mode & 0o777)


async def test_a_new_database_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db"
    storage = open_storage(f"sqlite:///{path}")
    modes = {name: mode_of(tmp_path / name) for name in ("perdure.db", "perdure.db-wal", "perdure.db-shm")}
    await storage.close()
    assert set(modes.values()) == {"0o600"}


async def test_a_database_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db"
    path.touch(mode=0o640)
    path.chmod(0o640)
    await open_storage(f"sqlite:///{path}").close()
    assert mode_of(path) == "0o640"
