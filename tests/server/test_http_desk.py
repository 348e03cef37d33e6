"""A node asked over HTTP answers what it answers in its own process, and raises the same errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perdure.engine.clock import SystemClock
from perdure.errors import (
    AlreadyDeliveredError,
    CannotContinueError,
    DatabaseLockedError,
    InvalidArgumentError,
    NotConnectedError,
    NotFoundError,
    PerdureError,
    ValueTooLargeError,
)
from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.execution import ErrorInfo, ExecutionResult, Failed, JsonText, Succeeded, Suspended
from perdure.protocol.json_text import dump
from perdure.protocol.runs import RunEnd
from perdure.protocol.sources import RegisterTrigger, UpdateSource
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.server.announced import AnnouncedNode
from perdure.server.announcement import announce
from perdure.server.embedded import start_embedded
from perdure.server.embedded_node import EmbeddedNode
from perdure.storage.opening import open_storage
from perdure.transport.http_desk import HttpDesk
from perdure.transport.node_link import NodeLink
from perdure.transport.node_target import NamedNode
from tests.engine.app import Execution, ScriptedApp

PATIENCE = 60


async def naps(execution: Execution) -> ExecutionResult:
    await execution.run("before")
    nap = await execution.sleep("nap", 0.02)
    return Succeeded(JsonText('{"rested":"très"}')) if nap is None else Suspended((nap,))


async def fails(execution: Execution) -> ExecutionResult:
    return Failed(ErrorInfo("ValueError", "no", "a stack"))


async def sleeps(execution: Execution) -> ExecutionResult:
    nap = await execution.sleep("nap", 3600)
    return Succeeded(None) if nap is None else Suspended((nap,))


class Both:
    """A node, and the way to it over HTTP."""

    def __init__(self, node: EmbeddedNode, http: HttpDesk) -> None:
        self.node = node
        self.direct = node.platform
        self.http = http

    async def ended(self, job_id: str) -> str:
        run_id = await self.direct.invoke_job(InvokeRequest(job_id))
        await self.direct.wait_for_run(run_id, timeout=PATIENCE)
        return run_id


@asynccontextmanager
async def both(folder: Path) -> AsyncIterator[Both]:
    app = ScriptedApp(SystemClock()).job("naps", naps).job("fails", fails).job("sleeps", sleeps)
    node = await start_embedded(app, database_url=f"sqlite:///{folder}/perdure.db")
    app.platform = node.platform
    http = HttpDesk(NodeLink(AnnouncedNode(folder / "perdure.db"), patience=PATIENCE))
    try:
        yield Both(node, http)
    finally:
        await http.close()
        await node.stop(grace=0)


async def test_events_are_sent_looked_up_and_cancelled(tmp_path: Path) -> None:
    at = datetime(2027, 3, 1, 12, 30, 0, 123_000, tzinfo=UTC)
    payload = JsonText('{"big":12345678901234567890123,"half":"\\ud800","text":"a\\u0000b é"}')
    async with both(tmp_path) as it:
        now, later = await asyncio.gather(
            it.http.send_events([EventRequest("seen", payload, "a/b?", JsonText("[1]"), "shop", at)], EventOptions()),
            it.http.send_events([EventRequest("later")], EventOptions(deliver_after=3600, account_id="acme")),
        )
        assert (now[0].payload, now[0].context, now[0].timestamp) == (payload, "[1]", at)
        assert (await it.direct.get_event("a/b?")).event == now[0]
        assert await it.http.get_event("a/b?") == await it.direct.get_event("a/b?")
        cancelled = await it.http.cancel_event(later[0].id)
        assert cancelled == (await it.direct.get_event(later[0].id)).event
        assert cancelled.cancelled_at is not None
        with pytest.raises(AlreadyDeliveredError):
            await it.http.cancel_event("a/b?")
        assert await it.http.list_events() == await it.direct.list_events()


async def test_runs_are_started_awaited_and_looked_up(tmp_path: Path) -> None:
    async with both(tmp_path) as it:
        run_id = await it.http.invoke_job(InvokeRequest("naps", JsonText('{"n":1}'), account_id="acme"))
        ended = await it.http.wait_for_run(run_id, timeout=PATIENCE)
        assert (ended.status, ended.output) == (RunStatus.SUCCESS, '{"rested":"très"}')
        assert await it.http.get_run(run_id) == await it.direct.get_run(run_id)
        page = await it.http.get_run(run_id, take=1, subtasks=True)
        assert page == await it.direct.get_run(run_id, take=1, subtasks=True)
        rest = await it.http.get_run(run_id, cursor=page.next_cursor)
        assert {task.key for task in (*page.tasks, *rest.tasks)} == {"before", "nap"}
        failed = await it.ended("fails")
        assert await it.http.get_run(failed) == await it.direct.get_run(failed)
        assert await it.http.list_runs() == await it.direct.list_runs()


async def test_what_a_run_came_to_is_the_same_on_both_ways_when_it_ends_and_later(tmp_path: Path) -> None:
    async with both(tmp_path) as it:
        for job_id in ("naps", "fails"):
            run_id = await it.direct.invoke_job(InvokeRequest(job_id))
            told, asked = await asyncio.gather(
                it.direct.wait_for_end(run_id, timeout=PATIENCE), it.http.wait_for_end(run_id, timeout=PATIENCE)
            )
            assert told == asked == await it.direct.wait_for_end(run_id) == RunEnd.of(await it.direct.get_run(run_id))
        asleep = await it.direct.invoke_job(InvokeRequest("sleeps"))
        waiting = asyncio.create_task(it.direct.wait_for_end(asleep, timeout=PATIENCE))
        await it.direct.cancel_run(asleep)
        assert (await waiting).status is RunStatus.CANCELED


async def test_an_idempotency_key_gives_the_same_run_on_both_ways(tmp_path: Path) -> None:
    async with both(tmp_path) as it:
        first = await it.http.invoke_job(InvokeRequest("naps", idempotency_key="k"))
        assert await it.direct.invoke_job(InvokeRequest("naps", idempotency_key="k")) == first
        assert await it.http.invoke_job(InvokeRequest("naps")) != await it.http.invoke_job(InvokeRequest("naps"))


async def test_runs_are_cancelled_repeated_and_continued(tmp_path: Path) -> None:
    async with both(tmp_path) as it:
        failed = await it.ended("fails")
        again = await it.http.rerun(failed)
        assert again.id != failed
        assert (await it.http.continue_run(failed)).status is not RunStatus.FAILURE
        with pytest.raises(CannotContinueError):
            await it.http.continue_run(await it.ended("naps"))
        asleep = await it.direct.invoke_job(InvokeRequest("sleeps"))
        assert (await it.http.cancel_run(asleep)).status is RunStatus.CANCELED
        others = [await it.direct.invoke_job(InvokeRequest("sleeps")) for _ in range(2)]
        assert set((await it.http.cancel_runs_for_job("sleeps")).cancelled_run_ids) == set(others)
        page = await it.http.get_runs("sleeps", take=2)
        assert page == await it.direct.get_runs("sleeps", take=2)
        assert await it.http.get_runs("sleeps", cursor=page.next_cursor) == await it.direct.get_runs(
            "sleeps", cursor=page.next_cursor
        )


async def test_a_run_that_goes_on_is_awaited_no_longer_than_asked(tmp_path: Path) -> None:
    async with both(tmp_path) as it:
        run_id = await it.direct.invoke_job(InvokeRequest("sleeps"))
        for timeout in (0, 0.05):
            with pytest.raises(TimeoutError) as caught:
                await it.http.wait_for_run(run_id, timeout=timeout)
            assert type(caught.value) is TimeoutError


Ask = Callable[[Any], Awaitable[Any]]

REGISTER = RegisterTrigger(
    "app", "none", "k", ("e",), "s", "key", JsonText('{"a":[{}]}'), {"event": ["e"]}, JsonText("{}")
)

REFUSED: list[tuple[type[PerdureError], Ask]] = [
    (NotFoundError, lambda desk: desk.get_event("none")),
    (NotFoundError, lambda desk: desk.cancel_event("none")),
    (NotFoundError, lambda desk: desk.cancel_runs_for_event("none")),
    (NotFoundError, lambda desk: desk.get_run("run_none")),
    (NotFoundError, lambda desk: desk.cancel_run("run_none")),
    (NotFoundError, lambda desk: desk.rerun("run_none")),
    (NotFoundError, lambda desk: desk.continue_run("run_none")),
    (NotFoundError, lambda desk: desk.wait_for_run("run_none", timeout=1)),
    (NotFoundError, lambda desk: desk.wait_for_end("run_none", timeout=1)),
    (NotFoundError, lambda desk: desk.invoke_job(InvokeRequest("nap"))),
    (NotFoundError, lambda desk: desk.cancel_runs_for_job("none")),
    (NotFoundError, lambda desk: desk.get_http_endpoint("none")),
    (NotFoundError, lambda desk: desk.replay_request("none")),
    (NotFoundError, lambda desk: desk.register_trigger(REGISTER)),
    (NotFoundError, lambda desk: desk.update_source(UpdateSource("app", "none", {"event": ["e"]}, "s", JsonText("1")))),
    (InvalidArgumentError, lambda desk: desk.get_run("run_none", take=51)),
    (InvalidArgumentError, lambda desk: desk.get_runs("naps", cursor="x")),
    (InvalidArgumentError, lambda desk: desk.invoke_job(InvokeRequest("naps", idempotency_key=""))),
    (InvalidArgumentError, lambda desk: desk.send_events([EventRequest("")], EventOptions())),
    (
        InvalidArgumentError,
        lambda desk: desk.send_events([EventRequest("e")], EventOptions(datetime(2030, 1, 1, tzinfo=UTC), 5)),
    ),
    (
        ValueTooLargeError,
        lambda desk: desk.send_events([EventRequest("e", JsonText(dump("x" * 600_000)))], EventOptions()),
    ),
]


async def test_what_is_refused_is_refused_in_the_same_words(tmp_path: Path) -> None:
    async with both(tmp_path) as it:
        for kind, ask in REFUSED:
            told: list[str] = []
            for desk in (it.direct, it.http):
                with pytest.raises(kind) as caught:
                    await ask(desk)
                assert type(caught.value) is kind
                told.append(str(caught.value))
            assert told[0] == told[1]


async def test_a_wrong_key_is_told_of(tmp_path: Path) -> None:
    async with both(tmp_path) as it:
        other = HttpDesk(NodeLink(NamedNode(it.node.url, "tr_dev_wrong")))
        with pytest.raises(NotConnectedError, match="does not take the API key"):
            await other.get_run("run_x")
        await other.close()


async def test_executions_are_refused(tmp_path: Path) -> None:
    desk = HttpDesk(NodeLink(AnnouncedNode(tmp_path / "perdure.db")))
    with pytest.raises(PerdureError, match="process of a node"):
        await desk.callback_url("task_1")


def test_an_owner_that_does_not_answer_is_named(tmp_path: Path) -> None:
    database = tmp_path / "perdure.db"
    storage = open_storage(f"sqlite:///{database}")

    async def ask() -> None:
        desk = HttpDesk(NodeLink(AnnouncedNode(database, otherwise="none"), patience=0.2))
        try:
            # It has said nothing; then it has, but nobody is there.
            for _ in range(2):
                with pytest.raises(DatabaseLockedError, match=r"Process \d+ owns .*does not answer"):
                    await desk.get_run("run_x")
                announce(database, url="http://127.0.0.1:9", api_key="k", started=datetime.now(UTC))
        finally:
            await desk.close()

    asyncio.run(ask())
    asyncio.run(storage.close())

    async def ask_nobody() -> None:
        desk = HttpDesk(NodeLink(AnnouncedNode(database, otherwise="Nobody is there.")))
        with pytest.raises(NotConnectedError, match="Nobody is there"):
            await desk.get_run("run_x")
        await desk.close()

    asyncio.run(ask_nobody())
