"""When a run whose branches all wait is suspended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any, cast

from perdure.protocol.execution import TaskState
from perdure.protocol.statuses import TaskStatus
from perdure.sdk.branches import Branches
from perdure.sdk.parking import PROMPT_SECONDS, Parking


class Clockwork:
    """What parking needs of an event loop whose time the test sets."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self.create_future = asyncio.get_running_loop().create_future

    def time(self) -> float:
        return self._now

    def call_later(self, seconds: float, call: Callable[[], None], *, context: Context) -> asyncio.Handle:
        self._timers.append((self._now + seconds, call))
        return asyncio.Handle(call, (), asyncio.get_running_loop(), context)

    def advance(self, seconds: float) -> None:
        """Let time pass, and call what is due then."""
        self._now += seconds
        due = [call for at, call in self._timers if at <= self._now]
        self._timers = [(at, call) for at, call in self._timers if at > self._now]
        for call in due:
            call()


class Parked:
    """One branch that waits for the task ``one``."""

    def __init__(self) -> None:
        self.clockwork = Clockwork()
        self.suspensions: list[tuple[str, ...]] = []
        self.branches = Branches()
        loop = cast("asyncio.AbstractEventLoop", self.clockwork)
        self.parking = Parking(self.branches, lambda ids, _cut: self.suspensions.append(ids), loop, Context())

    async def begin(self) -> asyncio.Task[Any]:
        """Park the branch."""

        async def wait() -> TaskState:
            return await self.parking.park(branch, "one", None)

        task = asyncio.ensure_future(wait())
        branch = self.branches.adopt(task, ())
        await asyncio.sleep(0)
        return task


def over(task_id: str) -> TaskState:
    return TaskState(task_id, "key", None, "wait", "wait", TaskStatus.COMPLETED, True, 1, None, None, None, None)


async def test_a_run_whose_only_branch_waits_is_suspended_at_once() -> None:
    it = Parked()
    task = await it.begin()
    assert it.suspensions == [("one",)]
    it.parking.resolve([over("one")])
    assert (await task).id == "one"


async def test_a_run_that_expects_an_answer_at_once_is_suspended_a_moment_later() -> None:
    it = Parked()
    it.parking.expect_promptly()
    task = await it.begin()
    it.clockwork.advance(PROMPT_SECONDS / 2)
    assert it.suspensions == []
    it.clockwork.advance(PROMPT_SECONDS)
    assert it.suspensions == [("one",)]
    it.parking.resolve([over("one")])
    assert (await task).id == "one"


async def test_a_run_that_is_answered_at_once_is_not_suspended() -> None:
    it = Parked()
    it.parking.expect_promptly()
    task = await it.begin()
    it.parking.resolve([over("one")])
    assert (await task).id == "one"
    it.clockwork.advance(PROMPT_SECONDS)
    assert it.suspensions == []


async def test_a_run_that_expected_an_answer_long_ago_is_suspended_at_once() -> None:
    it = Parked()
    it.parking.expect_promptly()
    it.clockwork.advance(PROMPT_SECONDS)
    task = await it.begin()
    assert it.suspensions == [("one",)]
    it.parking.resolve([over("one")])
    assert (await task).id == "one"
