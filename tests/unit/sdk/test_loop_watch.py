"""An event loop that is blocked is reported, with what blocks it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from perdure.sdk import loop_watch
from perdure.sdk.loop_watch import LoopWatch

LIMIT = 0.05


def block_until(told: threading.Event) -> None:
    """Keep the event loop from going on until the log says so."""
    assert told.wait(60)


class Telling(logging.Handler):
    """Hears what is told."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.told = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.told.set()


@pytest.fixture
def telling() -> Telling:
    return Telling()


@pytest.fixture(autouse=True)
def hear(telling: Telling) -> Iterator[None]:
    log = logging.getLogger("perdure.sdk.loop_watch")
    log.addHandler(telling)
    yield
    log.removeHandler(telling)


async def pulses(watch: LoopWatch, count: int) -> None:
    """Let the loop go on until it has given so many signs of life, and is asked for another."""
    async with asyncio.timeout(60):
        for _ in range(count):
            for is_alive in (True, False):
                while True:
                    if watch._is_alive is is_alive:
                        break
                    await asyncio.sleep(0)


async def test_a_block_is_told_once_with_the_stack_of_what_blocks(telling: Telling) -> None:
    watch = LoopWatch("shop", asyncio.get_running_loop(), limit=LIMIT)
    block_until(telling.told)
    # It is still the same block: nothing more is told, however often it is looked.
    deadline = time.monotonic() + 4 * LIMIT
    while time.monotonic() < deadline:
        pass
    await asyncio.sleep(0)
    watch.stop()

    (record,) = telling.records
    message = record.getMessage()
    assert record.levelno == logging.WARNING
    assert "'shop'" in message
    assert "in block_until" in message
    assert "PERDURE_BLOCKED_LOOP_SECONDS" in message


async def test_each_block_is_told(telling: Telling) -> None:
    watch = LoopWatch("shop", asyncio.get_running_loop(), limit=LIMIT)
    for _ in range(2):
        block_until(telling.told)
        telling.told.clear()
        await pulses(watch, 1)
    watch.stop()
    assert len(telling.records) == 2


async def test_a_block_is_told_though_the_watching_thread_was_late_once(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is late where the whole process stood still, and nobody is to blame for that; a block that goes on is one."""
    stood_still = [0.0, 10.0]

    def monotonic() -> float:
        return time.monotonic() + (stood_still.pop(0) if len(stood_still) > 1 else stood_still[0])

    monkeypatch.setattr(loop_watch, "time", SimpleNamespace(monotonic=monotonic))
    watch = LoopWatch("shop", asyncio.get_running_loop(), limit=LIMIT)
    block_until(telling.told)
    await asyncio.sleep(0)
    watch.stop()
    assert len(telling.records) == 1


async def test_a_loop_that_goes_on_is_not_told_of(telling: Telling) -> None:
    # On a busy machine a loop that goes on can be late, too.
    watch = LoopWatch("shop", asyncio.get_running_loop(), limit=6 * LIMIT)
    await pulses(watch, 5)
    watch.stop()
    assert telling.records == []


def test_the_watch_ends_with_its_loop() -> None:
    watches: list[LoopWatch] = []

    async def begin() -> None:
        watches.append(LoopWatch("shop", asyncio.get_running_loop(), limit=LIMIT))

    asyncio.run(begin())
    watches[0]._thread.join(60)
    assert not watches[0]._thread.is_alive()
