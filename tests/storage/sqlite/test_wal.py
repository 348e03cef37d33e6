"""The write-ahead log stays small."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from perdure.errors import StorageUnavailableError
from perdure.storage.sqlite.limits import Limits
from tests.storage.values import count_to, keys, open_values, pragma, put
from tests.storage.watching import eventually, keys_in_file, size_of_log

if TYPE_CHECKING:
    from perdure.storage.interface import Session, Storage

MIB = 1024 * 1024
FOR_EVER = 10**12
A_DAY = timedelta(days=1)


async def write_mib(storage: Storage, mib: int) -> None:
    for number in range(mib * 8):
        await storage.write(put, f"{number % 16}", f"{number:08}" * (MIB // 64))


def names_and_sizes(folder: Path) -> dict[str, bool]:
    return {file.name: file.stat().st_size > 0 for file in folder.iterdir()}


async def test_a_file_is_written_as_durably_as_promised(tmp_path: Path) -> None:
    storage = open_values(tmp_path / "values.db")
    assert await storage.scan(pragma, "read_journal_mode") == "wal"
    assert await storage.write(pragma, "read_synchronous") == 2
    assert await storage.write(pragma, "read_foreign_keys") == 1
    await storage.close()


async def test_the_log_stays_small_under_sustained_writing(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path)

    await write_mib(storage, 60)

    assert size_of_log(path) <= 20 * MIB
    await storage.close()


async def test_a_scan_is_stopped_when_the_log_grows_too_large_under_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path, limits=Limits(largest_log=24 * MIB, longest_scan=A_DAY))
    await storage.write(put, "a")
    scan = asyncio.ensure_future(storage.scan(count_to, FOR_EVER))

    with caplog.at_level(logging.WARNING, "perdure.storage"):
        async with asyncio.timeout(20):
            while not scan.done():
                await write_mib(storage, 4)
    grown = size_of_log(path)
    await write_mib(storage, 60)

    with pytest.raises(StorageUnavailableError, match="A read was stopped"):
        await scan
    assert grown > 24 * MIB
    assert size_of_log(path) <= max(grown, 36 * MIB)
    assert [record.getMessage() for record in caplog.records if "reading for long" in record.getMessage()]
    await storage.close()


async def test_a_scan_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    storage = open_values(
        tmp_path / "values.db", limits=Limits(longest_scan=timedelta(milliseconds=50), scan_threads=1)
    )

    for _ in range(3):
        with pytest.raises(StorageUnavailableError, match="A read was stopped"):
            await storage.scan(count_to, FOR_EVER)

    assert await storage.scan(count_to, 10) == (10, 0)
    await storage.close()


async def test_a_cancelled_scan_gives_its_thread_back(tmp_path: Path) -> None:
    storage = open_values(tmp_path / "values.db", limits=Limits(scan_threads=1))

    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(storage.scan(count_to, FOR_EVER), 0.05)

    assert await storage.scan(count_to, 10) == (10, 0)
    await storage.close()


async def test_closing_stops_a_scan_that_is_about_to_run_its_statement(tmp_path: Path) -> None:
    storage = open_values(tmp_path / "values.db", limits=Limits(longest_scan=A_DAY))
    has_begun, may_go_on = threading.Event(), threading.Event()

    async def hesitate(tx: Session, last: int) -> tuple[int, int]:
        has_begun.set()
        may_go_on.wait()
        return await count_to(tx, last)

    scan = asyncio.ensure_future(storage.scan(hesitate, FOR_EVER))
    await asyncio.to_thread(has_begun.wait)
    closing = asyncio.ensure_future(storage.close())
    await eventually(lambda: all(reader.is_stopped for reader in storage._readers._scanning))
    may_go_on.set()
    await closing
    with pytest.raises(StorageUnavailableError):
        await scan


async def test_closing_stops_a_scan(tmp_path: Path) -> None:
    storage = open_values(tmp_path / "values.db", limits=Limits(longest_scan=A_DAY))
    scan = asyncio.ensure_future(storage.scan(count_to, FOR_EVER))
    await eventually(lambda: bool(storage._readers._scanning))
    began_at = time.monotonic()

    await storage.close()

    assert time.monotonic() - began_at < 20

    with pytest.raises(StorageUnavailableError):
        await scan


async def test_what_the_log_holds_is_carried_over_when_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path, limits=Limits(idle_after=timedelta(milliseconds=20)))

    for number in range(3):
        await storage.write(put, f"{number}", "x" * 100_000)
        await eventually(lambda count=number + 1: len(keys_in_file(path)) == count)

    assert await storage.read(keys) == keys_in_file(path) == ["0", "1", "2"]
    await storage.close()


async def test_a_log_that_was_carried_over_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path, limits=Limits(idle_after=timedelta(milliseconds=20)))
    for number in range(100):
        await storage.write(put, f"{number:03}")
    grown = size_of_log(path)

    # A sync of what a file has already is faster than one that makes it longer.
    for number in range(100, 105):
        await eventually(lambda count=number: len(keys_in_file(path)) == count)
        await storage.write(put, f"{number:03}")
        assert size_of_log(path) == grown

    await storage.close()


async def test_a_reader_of_another_program_delays_the_emptying_and_no_write(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path, limits=Limits(idle_after=timedelta(milliseconds=20)))
    await storage.write(put, "a")
    await eventually(lambda: keys_in_file(path) == ["a"])
    await storage.write(put, "b")
    other = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    other.execute("BEGIN").fetchall()
    assert other.execute("SELECT count(*) FROM key_values").fetchall() == [(2,)]

    for number in range(20):
        async with asyncio.timeout(2):
            await storage.write(put, f"{number}")
        await asyncio.sleep(0.025)
    written = await storage.read(keys)
    assert keys_in_file(path) == ["a"]

    other.close()
    await eventually(lambda: keys_in_file(path) == written)
    await storage.close()


async def test_a_closed_database_is_one_file_beside_its_lock(tmp_path: Path) -> None:
    storage = open_values(tmp_path / "values.db")
    await storage.write(put, "a")
    await storage.scan(keys)

    await storage.close()

    assert names_and_sizes(tmp_path) == {"values.db": True, "values.db.lock": False}


async def test_what_is_acknowledged_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    for number in range(3):
        storage = open_values(path)
        await storage.write(put, f"{number}")
        assert await storage.read(keys) == [f"{n}" for n in range(number + 1)]
        await storage.close()
