"""One process owns a database file."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from perdure.errors import DatabaseLockedError, StorageUnavailableError
from perdure.storage.sqlite import connections
from tests.storage.processes import read_line, read_rest, started
from tests.storage.values import keys, open_values, put

if TYPE_CHECKING:
    from pathlib import Path

A_WHILE = timedelta(seconds=20)


def test_a_file_that_another_process_owns_is_refused_with_its_pid(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    with started("own", path) as owner:
        assert read_line(owner) == "open"

        with pytest.raises(DatabaseLockedError, match=f"Process {owner.pid} owns .*End that process") as caught:
            open_values(path)

    assert caught.value.pid == owner.pid


@pytest.mark.parametrize("begin", ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"])
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "known"])
def test_a_file_that_another_program_writes_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: str, is_new: bool
) -> None:
    monkeypatch.setattr(connections, "_WRITER", connections._WRITER.replace("= 5000;", "= 1;"))
    path = tmp_path / "values.db"
    if not is_new:
        asyncio.run(open_values(path).close())
    holds = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); db.execute(sys.argv[2]); "
        "db.execute('CREATE TABLE other (a)'); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holds, str(path), begin]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert read_line(other) == "held"
        with pytest.raises(StorageUnavailableError, match="is locked by another program") as caught:
            open_values(path)
        other.kill()
    assert str(path) in caught.value.message
    assert "End it" in caught.value.message
    asyncio.run(open_values(path).close())


async def test_a_killed_owner_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    with started("own", path) as owner:
        assert read_line(owner) == "open"
        owner.kill()
        owner.wait()

        storage = open_values(path)

    assert await storage.read(keys) == ["mine"]
    await storage.close()


async def test_a_process_that_is_just_ending_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    with started("own", path) as owner:
        assert read_line(owner) == "open"
        assert owner.stdin is not None
        ending = threading.Timer(0.2, owner.communicate, ["close"])
        ending.start()

        storage = open_values(path, lock_timeout=A_WHILE)

        ending.join()
    assert await storage.read(keys) == ["mine"]
    await storage.close()


async def test_a_second_storage_in_one_process_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    first = open_values(path)

    with pytest.raises(
        DatabaseLockedError, match=r"This process has already opened .* put the jobs of both on one client"
    ):
        open_values(path)

    await first.close()
    second = open_values(path)
    await second.close()


async def test_a_path_through_a_symbolic_link_is_the_same_database(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "values.db")
    storage = open_values(tmp_path / "values.db")

    with pytest.raises(DatabaseLockedError):
        open_values(tmp_path / "link.db")

    await storage.close()


async def test_a_lock_replaced_while_it_is_taken_is_not_what_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "values.db"
    lock = tmp_path / "values.db.lock"
    flock = fcntl.flock
    calls: list[int] = []

    def replace_then_lock(descriptor: int, operation: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            lock.unlink()
            lock.touch()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", replace_then_lock)
    storage = open_values(path, lock_timeout=A_WHILE)

    assert len(calls) == 2
    assert json.loads(lock.read_text(encoding="utf-8"))["pid"] == os.getpid()
    await storage.close()


def test_an_owner_that_cannot_be_seen_is_said_to_be_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path)
    owner = {"pid": os.getppid(), "started": "1", "boot": "another"}
    path.with_name("values.db.lock").write_text(json.dumps(owner), encoding="utf-8")

    with pytest.raises(DatabaseLockedError, match="in a container"):
        open_values(path)

    asyncio.run(storage.close())


def test_a_lock_whose_text_is_damaged_still_locks(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path)
    path.with_name("values.db.lock").write_text("[", encoding="utf-8")

    with pytest.raises(DatabaseLockedError) as caught:
        open_values(path)

    assert caught.value.pid is None
    asyncio.run(storage.close())


async def test_a_forked_child_may_not_use_the_storage_and_does_not_keep_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    with started("fork", path) as parent:
        assert [read_line(parent) for _ in range(3)] == ["forked_process"] * 3
        child = read_line(parent)
        parent.wait()

        storage = open_values(path, lock_timeout=A_WHILE)

        assert parent.stdin is not None
        parent.stdin.close()
        assert child.startswith("child ")
        assert read_rest(parent) == []
    assert await storage.read(keys) == ["of the parent"]
    assert await storage.write(put, "of the next") == "of the next"
    await storage.close()
