"""What goes wrong below SQLite, as it is told to the engine."""

from __future__ import annotations

import asyncio
import errno
import threading
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import apsw
import pytest

from perdure.errors import (
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
)
from perdure.storage.sqlite.failures import translate, translate_commit
from perdure.storage.sqlite.limits import Limits
from tests.storage.values import keys, open_values, pragma, put
from tests.storage.watching import eventually, keys_in_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.storage.sqlite.connections import Connection


class FailingFile(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._disk = disk

    def xSync(self, flags: int) -> None:
        self._disk.meet("xSync")
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.meet("xWrite")
        super().xWrite(data, offset)


class FailingDisk(apsw.VFS):
    """The default file system, with calls that can be told to fail."""

    def __init__(self) -> None:
        super().__init__("failing", "unix", makedefault=True)
        self.failing: str | None = None
        self.failed = 0

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return FailingFile(self, name, flags)

    def meet(self, call: str) -> None:
        if call == self.failing:
            self.failed += 1
            raise apsw.exception_for(apsw.SQLITE_IOERR)


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    disk = FailingDisk()
    yield disk
    disk.unregister()


@pytest.mark.parametrize("call", ["xSync", "xWrite"])
async def test_a_commit_that_the_disk_fails_is_not_acknowledged_and_the_next_is_taken(
    tmp_path: Path, disk: FailingDisk, call: str
) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path)
    await storage.write(put, "before")

    disk.failing = call
    outcomes = await asyncio.gather(*(storage.write(put, f"lost {n}") for n in range(3)), return_exceptions=True)
    disk.failing = None
    await storage.write(put, "after")

    assert disk.failed > 0
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailableError] * 3
    assert "whether it was stored is not known" in str(outcomes[0])
    assert await storage.read(keys) == ["after", "before"]
    assert await storage.scan(pragma, "check_integrity") == "ok"
    await storage.close()


async def test_a_write_waits_for_the_write_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path, limits=Limits(idle_after=timedelta(milliseconds=5)))
    await storage.write(put, "before")
    await eventually(lambda: keys_in_file(path) == ["before"])
    other = apsw.Connection(str(path))
    other.set_busy_timeout(20_000)
    other.execute("BEGIN IMMEDIATE").fetchall()

    def let_go() -> None:
        other.execute("ROLLBACK").fetchall()
        other.close()

    soon = threading.Timer(0.2, let_go)
    soon.start()
    assert await storage.write(put, "a") == "a"
    soon.join()
    await storage.close()


async def test_scans_that_cannot_open_the_file_fail_and_keep_no_thread(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path, limits=Limits(scan_threads=1))
    path.rename(tmp_path / "moved.db")

    async with asyncio.timeout(20):
        for _ in range(3):
            with pytest.raises(StorageUnavailableError, match="unable to open"):
                await storage.scan(keys)
    (tmp_path / "moved.db").rename(path)
    assert await storage.scan(keys) == []
    await storage.close()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (apsw.SQLITE_FULL, StorageFullError),
        (apsw.SQLITE_READONLY, StorageReadOnlyError),
        (apsw.SQLITE_READONLY_DBMOVED, StorageReadOnlyError),
        (apsw.SQLITE_PERM, StorageReadOnlyError),
        (apsw.SQLITE_CORRUPT, StorageCorruptError),
        (apsw.SQLITE_CORRUPT_INDEX, StorageCorruptError),
        (apsw.SQLITE_NOTADB, StorageCorruptError),
        (apsw.SQLITE_BUSY, StorageUnavailableError),
        (apsw.SQLITE_BUSY_SNAPSHOT, StorageUnavailableError),
        (apsw.SQLITE_LOCKED, StorageUnavailableError),
        (apsw.SQLITE_IOERR_READ, StorageUnavailableError),
        (apsw.SQLITE_IOERR_FSYNC, StorageUnavailableError),
        (apsw.SQLITE_CANTOPEN, StorageUnavailableError),
        (apsw.SQLITE_NOMEM, StorageUnavailableError),
        (apsw.SQLITE_PROTOCOL, StorageUnavailableError),
        (apsw.SQLITE_INTERRUPT, StorageUnavailableError),
        (apsw.SQLITE_CONSTRAINT_UNIQUE, StorageError),
        (apsw.SQLITE_TOOBIG, StorageError),
        (apsw.SQLITE_ERROR, StorageError),
    ],
)
def test_every_result_of_sqlite_becomes_one_of_our_errors(code: int, expected: type[StorageError]) -> None:
    error = apsw.exception_for(code)
    assert isinstance(error, apsw.Error)

    assert type(translate(error, None)) is expected


@pytest.mark.parametrize("reason", [errno.EROFS, errno.EPERM, errno.EACCES])
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (apsw.SQLITE_IOERR_WRITE, "cannot be written any more; nothing was stored"),
        (apsw.SQLITE_IOERR_FSYNC, "whether it was stored is not known"),
    ],
)
def test_a_file_that_may_not_be_written_any_more_is_named_as_that_and_what_was_synced_in_vain_is_not_known(
    code: int, said: str, reason: int
) -> None:
    error = apsw.exception_for(code)
    assert isinstance(error, apsw.Error)

    told = translate_commit(error, cast("Connection", SimpleNamespace(system_errno=reason)))

    assert type(told) is StorageUnavailableError
    assert said in told.message
