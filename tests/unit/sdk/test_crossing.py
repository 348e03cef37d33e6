"""When many threads that take turns count as a crowd."""

from __future__ import annotations

import asyncio

import pytest

from perdure.sdk import crossing as module
from perdure.sdk.bell import Bell
from perdure.sdk.crossing import CROWD, Crossing


async def turn(crossing: Crossing, *, messages: int) -> bool:
    """Let so many threads come to wait for the loop at once; whether they are a crowd then."""
    for _ in range(messages):
        crossing.post(int)
    await asyncio.sleep(0)
    return crossing.is_crowded


async def test_many_threads_at_once_are_a_crowd_and_few_are_none() -> None:
    crossing = Crossing(asyncio.get_running_loop())
    assert not await turn(crossing, messages=CROWD - 1)
    assert await turn(crossing, messages=CROWD)


async def test_a_crowd_outlasts_turns_in_which_few_come() -> None:
    crossing = Crossing(asyncio.get_running_loop())
    await turn(crossing, messages=2 * CROWD)
    turns = [await turn(crossing, messages=1) for _ in range(2 * CROWD)]
    assert turns == [True] * CROWD + [False] * CROWD


async def test_there_is_no_crowd_where_threads_are_put_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 3600)
    crossing = Crossing(asyncio.get_running_loop())
    assert await turn(crossing, messages=CROWD)
    # Of two threads the first, once woken, is not heard of; so the loop wakes the second itself.
    first, second = Bell(), Bell()
    crossing.wake(first)
    crossing.wake(second)
    await asyncio.to_thread(second.wait)
    assert not crossing.is_crowded
    assert not await turn(crossing, messages=CROWD)
