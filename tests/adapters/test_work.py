"""An execution whose server has gone goes on, for as long as the server may have use for it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from perdure import Client, invoke_trigger
from perdure.adapters import work as rooms
from perdure.adapters.exchange import AppAnswer, AppRequest
from perdure.adapters.handler import AppHandler
from perdure.adapters.work import Work
from perdure.errors import NotConnectedError, NotFoundError
from perdure.protocol.epochs import epoch_of
from perdure.protocol.execution import Abandoned, ExecutionResult, JsonText, Succeeded, TaskRecord, TaskState
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.transport.wire_execution import WireExecution
from tests.adapters.test_actions import BODY, KEY

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


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
    work = Work(execution, asyncio.ensure_future(execute()), STARTED)
    if result is not None:
        await work.result
    try:
        yield work, ended
    finally:
        ended.set()
        await work.close()


def record(task_id: str, status: TaskStatus, *, ancestors: tuple[TaskRecord, ...] = ()) -> TaskRecord:
    return TaskRecord(task_id, "key", None, "run_task", "name", status, STARTED, ancestors=ancestors)


def state(task_id: str, status: TaskStatus) -> TaskState:
    return TaskState(task_id, "key", None, "run_task", "name", status, False, 1, None, None, None, None)


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
        ended.set()


@pytest.mark.parametrize(
    ("answer", "looks"),
    [((RunStatus.CANCELED, 3), 1), ((RunStatus.EXECUTING, 4), 2), (NotFoundError("gone"), 2)],
    ids=["cancelled", "executed elsewhere", "not found"],
)
async def test_it_ends_at_once_if_its_run_has_ended_and_only_then(answer: Any, looks: int) -> None:
    """Seen once, it may be that the next execution is on its way here, or that the server is not quite there."""
    server, told = Server(answer), asyncio.get_running_loop().create_future()
    async with working() as (work, ended):
        work.watch(server.look, told.set_result)
        assert await told is work
        assert server.asked == looks
        ended.set()


@pytest.mark.parametrize("is_over", [True, False], ids=["over", "at work"])
async def test_one_that_is_watched_takes_nothing_from_the_next_execution_of_its_run(
    monkeypatch: pytest.MonkeyPatch, is_over: bool
) -> None:
    """Both are of one run, by whose id code is ended."""
    began, may_end = asyncio.Queue[int](), {2: asyncio.Event(), 4: asyncio.Event()}
    client = Client(id="app", api_key=KEY, api_url="http://127.0.0.1:9")
    epochs = iter(may_end)

    @client.job(id="basic", version="1.0.0", trigger=invoke_trigger())
    async def basic(_payload: Any) -> int:
        epoch = next(epochs)
        began.put_nowait(epoch)
        await may_end[epoch].wait()
        return epoch

    def execute(epoch: int) -> asyncio.Task[AppAnswer]:
        body = {**BODY, "epoch": epoch, "storedTasks": []}
        headers = {"x-trigger-action": "EXECUTE_JOB", "x-trigger-api-key": KEY, "perdure-version": "0.1.0"}
        return asyncio.ensure_future(handler.handle(AppRequest("POST", headers, json.dumps(body).encode())))

    handler, server = AppHandler(client), Server(NotConnectedError("down"))
    try:
        first = execute(2)
        assert await began.get() == 2
        runtime = await handler._runtimes.open()
        monkeypatch.setattr(runtime.platform, "get_run", lambda run_id, take: server.look(run_id))
        doubt = runtime._works["run_1"].execution.doubt
        assert doubt is not None
        doubt()
        if is_over:
            may_end[2].set()
            assert json.loads((await first).body)["output"] == "2"
        second = execute(4)
        assert await began.get() == 4
        server.answers = [(RunStatus.EXECUTING, 4)]
        for _ in range(50):
            await asyncio.sleep(0)
        may_end[4].set()
        assert json.loads((await second).body)["output"] == "4"
        may_end[2].set()
        await first
    finally:
        await handler.close()


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
        assert [work.may_be(epoch, STARTED, ()) for epoch in (3, 4, 5)] == [False, True, False]
        # A server that was started anew names its executions otherwise.
        assert [work.may_be(epoch_of(count, 7), STARTED, ()) for count in (3, 4, 5)] == [False, True, False]
        work.go_on_as(4, limit_ms=None)
        asked = server.asked
        for _ in range(20):
            await asyncio.sleep(0)
        assert (work.execution.epoch, ends, server.asked) == (4, [], asked)
        work.watch(server.look, ends.append)
        assert [work.may_be(epoch, STARTED, ()) for epoch in (4, 5)] == [False, True]


async def test_it_is_not_the_next_execution_while_the_server_waits_for_it() -> None:
    """A run that is cancelled and goes on is executed anew: its code at work may be why it was cancelled."""
    async with working() as (work, _):
        assert not work.may_be(4, STARTED, ())


async def test_it_is_not_the_next_execution_of_a_run_that_was_started_again() -> None:
    """A run that is cancelled and goes on may be asked for before its end was seen."""
    async with working() as (work, _):
        work.watch(Server(NotConnectedError("down")).look, lambda _: None)
        assert not work.may_be(4, STARTED + timedelta(milliseconds=1), ())


@pytest.mark.parametrize(
    ("has", "may"),
    [
        ([("task_1", TaskStatus.COMPLETED), ("task_2", TaskStatus.RUNNING)], True),
        ([("task_1", TaskStatus.COMPLETED), ("task_2", TaskStatus.COMPLETED), ("task_3", TaskStatus.RUNNING)], True),
        ([("task_1", TaskStatus.RUNNING), ("task_2", TaskStatus.RUNNING)], False),
        ([("task_1", TaskStatus.COMPLETED)], False),
        ([], False),
    ],
    ids=["the same", "more", "one at work again", "one less", "none"],
)
async def test_it_is_not_the_next_execution_for_a_server_that_has_lost_some_of_what_it_took(
    has: list[tuple[str, TaskStatus]], may: bool
) -> None:
    """A database that was restored from a backup counts from there, and may come to the very next number."""
    async with working() as (work, _):
        work.watch(Server(NotConnectedError("down")).look, lambda _: None)
        around = record("task_1", TaskStatus.RUNNING)
        work.execution.note_stored(record("task_2", TaskStatus.RUNNING, ancestors=(around,)))
        work.execution.note_stored(record("task_1", TaskStatus.COMPLETED))
        assert work.may_be(4, STARTED, [state(*one) for one in has]) is may


@pytest.mark.parametrize(("result", "may"), [(Succeeded(None), True), (Abandoned("given up"), False)])
async def test_a_result_that_nobody_was_there_for_is_that_of_the_next_execution(
    result: ExecutionResult, may: bool
) -> None:
    async with working(result) as (work, _):
        work.watch(Server(NotConnectedError("down")).look, lambda _: None)
        assert work.may_be(4, STARTED, ()) is may
        work.give_up()
        assert not work.may_be(4, STARTED, ())
