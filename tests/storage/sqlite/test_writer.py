"""The writer's batches."""

from __future__ import annotations

import asyncio
import re
import threading
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from perdure.errors import StorageError, StorageFullError, StorageUnavailableError
from perdure.storage.sqlite.limits import Limits
from tests.storage.values import append, get, increment, keys, open_values, pragma, put

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from perdure.storage.interface import Session, Storage


class InterruptedUnit(BaseException):
    pass


class Gate:
    """A unit of work that holds the writer until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._open = threading.Event()

    async def unit(self, tx: Session) -> None:
        await put(tx, "gate")
        self.entered.set()
        assert self._open.wait(20)

    def open(self) -> None:
        self._open.set()


async def hold(storage: Storage) -> tuple[Gate, Awaitable[None]]:
    """Keep the writer busy, so that what is given next waits and becomes one batch."""
    gate = Gate()
    held = asyncio.ensure_future(storage.write(gate.unit))
    await asyncio.sleep(0)
    assert await asyncio.to_thread(gate.entered.wait, 20)
    return gate, held


@asynccontextmanager
async def opened(path: Path, limits: Limits | None = None) -> AsyncIterator[Storage]:
    storage = open_values(path / "values.db", limits=limits)
    try:
        yield storage
    finally:
        await storage.close()


async def test_what_waits_is_committed_in_one_transaction(tmp_path: Path) -> None:
    async with opened(tmp_path) as storage:
        await storage.write(put, "counter")
        assert await _commits_of(storage, [storage.write(increment, "counter") for _ in range(100)]) == 1


async def test_a_failed_unit_is_undone_alone_within_its_batch(tmp_path: Path) -> None:
    async def put_then_fail(tx: Session, key: str) -> None:
        await put(tx, key)
        raise ValueError(key)

    async with opened(tmp_path) as storage:
        gate, held = await hold(storage)
        units = [
            storage.write(put, "a"),
            storage.write(put_then_fail, "b"),
            storage.write(put, "c"),
            storage.write(put_then_fail, "d"),
            storage.write(put, "e"),
        ]
        gathered = asyncio.gather(*units, return_exceptions=True)
        await asyncio.sleep(0)
        gate.open()
        outcomes = await gathered
        await held

        assert [outcome if isinstance(outcome, str) else repr(outcome) for outcome in outcomes] == [
            "a",
            "ValueError('b')",
            "c",
            "ValueError('d')",
            "e",
        ]
        assert await storage.read(keys) == ["a", "c", "e", "gate"]


async def test_an_exception_of_any_kind_leaves_the_writer_at_work(tmp_path: Path) -> None:
    async def leave(tx: Session) -> None:
        await put(tx, "left")
        raise InterruptedUnit

    async with opened(tmp_path) as storage:
        outcome = asyncio.ensure_future(storage.write(leave))
        await asyncio.wait([outcome])
        assert isinstance(outcome.exception(), InterruptedUnit)
        await storage.write(put, "next")
        assert await storage.read(keys) == ["next"]


async def test_a_transition_that_waits_for_something_else_is_refused(tmp_path: Path) -> None:
    async def wait(tx: Session) -> None:
        await put(tx, "waiting")
        await asyncio.sleep(0)

    async with opened(tmp_path) as storage:
        with pytest.raises(StorageError, match="only its session"):
            await storage.write(wait)
        assert await storage.read(keys) == []


async def test_a_write_cancelled_before_its_turn_is_stored_in_its_turn(tmp_path: Path) -> None:
    async with opened(tmp_path) as storage:
        gate, held = await hold(storage)
        cancelled = asyncio.ensure_future(storage.write(put, "given", "first"))
        kept = asyncio.ensure_future(storage.write(append, "given", ", then changed"))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        gate.open()
        await asyncio.gather(held, kept)

        assert cancelled.cancelled()
        assert await storage.read(get, "given") == "first, then changed"


async def test_a_write_cancelled_during_its_turn_is_stored_and_harms_no_other_of_its_batch(tmp_path: Path) -> None:
    async with opened(tmp_path) as storage:
        first, held = await hold(storage)
        second = Gate()
        cancelled = asyncio.ensure_future(storage.write(second.unit))
        follower = asyncio.ensure_future(storage.write(put, "follower"))
        await asyncio.sleep(0)
        first.open()
        await held
        assert await asyncio.to_thread(second.entered.wait, 20)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        second.open()

        async with asyncio.timeout(20):
            assert await follower == "follower"
        assert cancelled.cancelled()
        assert await storage.read(keys) == ["follower", "gate"]


async def test_a_queue_that_is_too_long_refuses_and_recovers(tmp_path: Path) -> None:
    async with opened(tmp_path, Limits(longest_queue=10)) as storage:
        gate, held = await hold(storage)
        waiting = asyncio.gather(*(storage.write(put, f"{number}") for number in range(10)))
        await asyncio.sleep(0)

        with pytest.raises(StorageUnavailableError, match="try again later"):
            await storage.write(put, "too many")

        gate.open()
        await asyncio.gather(held, waiting)
        assert await storage.write(put, "later") == "later"
        assert "too many" not in await storage.read(keys)


async def test_a_batch_is_no_larger_than_its_limit(tmp_path: Path) -> None:
    async with opened(tmp_path, Limits(largest_batch=10)) as storage:
        assert await _commits_of(storage, [storage.write(put, f"{number:03}") for number in range(95)]) == 10


async def test_a_read_sees_nothing_of_a_unit_that_is_not_committed(tmp_path: Path) -> None:
    async with opened(tmp_path) as storage:
        gate, held = await hold(storage)
        assert await storage.read(get, "gate") is None
        assert await storage.scan(get, "gate") is None
        gate.open()
        await held
        assert await storage.read(get, "gate") == ""


async def test_a_read_sees_one_state_however_many_queries_it_makes(tmp_path: Path) -> None:
    async with opened(tmp_path) as storage:
        await storage.write(put, "a")
        between = threading.Event()
        committed = threading.Event()

        async def read_twice(tx: Session) -> tuple[list[str], list[str]]:
            before = await keys(tx)
            between.set()
            assert committed.wait(20)
            return before, await keys(tx)

        scan = asyncio.ensure_future(storage.scan(read_twice))
        assert await asyncio.to_thread(between.wait, 20)
        await storage.write(put, "b")
        committed.set()
        assert await scan == (["a"], ["a"])


async def test_a_commit_that_fails_fails_every_unit_of_its_batch(tmp_path: Path) -> None:
    async with opened(tmp_path) as storage:
        gate, held = await hold(storage)
        units = [storage.write(put, "a"), storage.write(pragma, "commit_early"), storage.write(put, "b")]
        gathered = asyncio.gather(*units, return_exceptions=True)
        await asyncio.sleep(0)
        gate.open()
        outcomes = await gathered
        await held

        assert [isinstance(outcome, StorageError) for outcome in outcomes] == [True] * 3
        assert await storage.write(put, "c") == "c"


async def test_one_unit_too_large_for_the_disk_leaves_the_next_batch_alone(tmp_path: Path) -> None:
    async def fill(tx: Session) -> None:
        for number in range(100):
            await put(tx, f"{number}", "x" * 20_000)

    async with opened(tmp_path) as storage:
        await storage.write(pragma, "limit_pages")
        with pytest.raises(StorageFullError):
            await storage.write(fill)
        assert await storage.write(put, "small") == "small"
        assert await storage.read(keys) == ["small"]


async def test_an_idle_storage_wakes_no_thread(tmp_path: Path) -> None:
    async with opened(tmp_path, Limits(idle_after=timedelta(milliseconds=5))) as storage:
        await storage.write(put, "a")
        await storage.scan(keys)

        # However long a busy machine takes for what is done once it is idle, a second comes without any.
        async with asyncio.timeout(60):
            while _switches() != await asyncio.to_thread(_switches_in_a_second):
                pass


def _switches_in_a_second() -> dict[int, int]:
    threading.Event().wait(1)
    return _switches()


def _switches() -> dict[int, int]:
    found: dict[int, int] = {}
    for thread in threading.enumerate():
        if thread.name.startswith("perdure-") and thread.native_id is not None:
            status = Path(f"/proc/self/task/{thread.native_id}/status").read_text(encoding="utf-8")
            found[thread.native_id] = sum(map(int, re.findall(r"ctxt_switches:\s*(\d+)", status)))
    assert found
    return found


async def _commits_of(storage: Storage, units: list[Awaitable[object]]) -> int:
    """Let units wait behind a held writer; how many transactions they took."""
    gate, held = await hold(storage)
    gathered = asyncio.gather(*units)
    await asyncio.sleep(0)
    writer = storage._writer  # type: ignore[attr-defined]
    count = 0
    committed = writer._commit

    def count_commit(batch: object) -> object:
        nonlocal count
        count += 1
        return committed(batch)

    writer._commit = count_commit
    gate.open()
    await held
    await gathered
    return count
