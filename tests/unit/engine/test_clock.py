"""The machine's clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from perdure.engine.clock import SystemClock

SECOND = 1_000_000_000


class Wall:
    def __init__(self) -> None:
        self.ns = 1_700_000_000 * SECOND
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.ns


async def test_time_is_utc_in_whole_milliseconds() -> None:
    wall = Wall()
    wall.ns += 1_999_999
    assert SystemClock(wall).now() == datetime(2023, 11, 14, 22, 13, 20, 1000, UTC)


async def test_time_never_goes_back() -> None:
    wall = Wall()
    clock = SystemClock(wall)
    before = clock.now()
    wall.ns -= 3600 * SECOND
    assert clock.now() == before
    wall.ns += 3601 * SECOND
    assert clock.now() == before + timedelta(seconds=1)


async def test_a_wait_ends_when_woken() -> None:
    clock = SystemClock()
    wake = asyncio.Event()
    for until in (None, clock.now() + timedelta(days=30)):
        wake.clear()
        waiting = asyncio.create_task(clock.wait(wake, until))
        await asyncio.sleep(0)
        assert not waiting.done()
        wake.set()
        async with asyncio.timeout(60):
            await waiting


async def test_a_wait_ends_when_due_and_never_before() -> None:
    clock = SystemClock()
    for milliseconds in (0, 1, 3, 7):
        until = clock.now() + timedelta(milliseconds=milliseconds)
        await clock.wait(asyncio.Event(), until)
        assert clock.now() >= until


async def test_a_step_of_the_wall_clock_is_noticed_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.engine.clock._LONGEST_SLEEP", 0.001)
    wall = Wall()
    clock = SystemClock(wall)
    waiting = asyncio.create_task(clock.wait(asyncio.Event(), clock.now() + timedelta(hours=1)))
    await asyncio.sleep(0)
    wall.ns += 3600 * SECOND
    async with asyncio.timeout(60):
        await waiting


async def test_time_that_stands_still_is_said_once_and_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("perdure.engine.clock._LONGEST_SLEEP", 0.001)
    caplog.set_level("INFO", "perdure.engine.clock")
    wall = Wall()
    clock = SystemClock(wall)
    until = clock.now() + timedelta(seconds=1)
    waiting = [asyncio.create_task(clock.wait(asyncio.Event(), until)) for _ in range(3)]

    async def looked(times: int = 20) -> None:
        """Let everybody look at the clock."""
        asked = wall.asked + times
        async with asyncio.timeout(60):
            while True:
                if wall.asked >= asked:
                    return
                await asyncio.sleep(0)

    wall.ns -= 9 * SECOND
    await looked()
    assert caplog.messages == []
    wall.ns -= 3591 * SECOND
    await looked()
    (warning,) = caplog.messages
    assert "set back by 1:00:00" in warning
    assert "start this process again" in warning
    wall.ns += 3600 * SECOND
    await looked()
    assert caplog.messages[1:] == ["The machine's clock has caught up, and time goes on."]
    wall.ns += SECOND
    async with asyncio.timeout(60):
        await asyncio.gather(*waiting)
