"""An execution whose server has gone goes on, for as long as the server may have use for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from perdure.adapters import work as rooms
from perdure.adapters.work import Work
from perdure.errors import NotConnectedError, NotFoundError
from perdure.protocol.execution import Abandoned, ExecutionResult, JsonText, Succeeded
from perdure.protocol.statuses import RunStatus
from perdure.transport.wire_execution import WireExecution


class Server:
    """Says of a run what is next, the last of it again and again."""

    def __init__(self, *answers: tuple[RunStatus, int] | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def look(self, run_id: str) -> Any:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(status=answer[0], executions=answer[1])


@asynccontextmanager
async def working(result: ExecutionResult | None = None) -> AsyncIterator[tuple[Work, asyncio.Event]]:
    """The third execution of a run, at work until the event is set, or over."""
    ended = asyncio.Event()

    async def execute() -> ExecutionResult:
        if result is None:
            await ended.wait()
        return Succeeded(JsonText("1")) if result is None else result

    execution = WireExecution(
        "run_1", 7, limit_ms=None, noops=None, epoch=3, is_native=True, has_all=True, monotonic=time.monotonic
    )
    work = Work(execution, asyncio.ensure_future(execute()))
    if result is not None:
        await work.result
    try:
        yield work, ended
    finally:
        ended.set()
        await work.close()


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(rooms, "_LONGEST_PAUSE", 0.0)


@pytest.mark.parametrize(
    "answers",
    [
        [(RunStatus.CANCELED, 3)],
        [(RunStatus.EXECUTING, 4)],
        [NotFoundError("gone")],
        [NotConnectedError("down"), (RunStatus.WAITING_TO_EXECUTE, 3), (RunStatus.EXECUTING, 4)],
    ],
    ids=["cancelled", "executed elsewhere", "pruned", "restarted"],
)
async def test_it_ends_when_the_server_executes_the_run_elsewhere_or_no_more(answers: list[Any]) -> None:
    server, told = Server(*answers), asyncio.get_running_loop().create_future()
    async with working() as (work, ended):
        work.watch(server.look, told.set_result)
        assert await told is work
        # Seen once, it may be that the next execution is on its way here.
        assert server.asked == len(answers) + 1
        ended.set()


async def test_it_ends_when_the_server_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "UNATTENDED_SECONDS", 0.05)
    told = asyncio.get_running_loop().create_future()
    async with working() as (work, ended):
        work.watch(Server(NotConnectedError("down")).look, told.set_result)
        assert await told is work
        ended.set()


async def test_it_is_the_next_execution_when_the_server_asks_for_that() -> None:
    server, ends = Server(NotConnectedError("down")), []
    async with working() as (work, _):
        work.watch(server.look, ends.append)
        assert [work.may_be(epoch) for epoch in (3, 4, 5)] == [False, True, False]
        work.go_on_as(4, limit_ms=None)
        asked = server.asked
        for _ in range(20):
            await asyncio.sleep(0)
        assert (work.execution.epoch, ends, server.asked) == (4, [], asked)
        work.watch(server.look, ends.append)
        assert [work.may_be(epoch) for epoch in (4, 5)] == [False, True]


async def test_it_is_not_the_next_execution_while_the_server_waits_for_it() -> None:
    """A run that is cancelled and goes on is executed anew: its code at work may be why it was cancelled."""
    async with working() as (work, _):
        assert not work.may_be(4)


@pytest.mark.parametrize(("result", "may"), [(Succeeded(None), True), (Abandoned("given up"), False)])
async def test_a_result_that_nobody_was_there_for_is_that_of_the_next_execution(
    result: ExecutionResult, may: bool
) -> None:
    async with working(result) as (work, _):
        work.watch(Server(NotConnectedError("down")).look, lambda _: None)
        assert work.may_be(4) is may
        work.give_up()
        assert not work.may_be(4)
