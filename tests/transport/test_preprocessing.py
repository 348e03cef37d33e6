"""What an app is asked of a run before it executes it first, and that this never keeps a run from being executed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from perdure.errors import StorageUnavailableError
from perdure.protocol.execution import (
    Abandoned,
    AccountInfo,
    ExecutionRequest,
    ExecutionResult,
    Failed,
    JsonText,
    Succeeded,
)
from perdure.protocol.messages.execution import RunMetadata
from perdure.transport import preprocessing
from perdure.transport.app_link import AppLink
from perdure.transport.http_endpoint import HttpEndpoint
from tests.api.remote_app import job
from tests.transport.asking import NOW, REQUEST, STATES
from tests.transport.sending import sending
from tests.transport.server import Received, Server, response, serving

FIRST = replace(REQUEST, epoch=1, tasks=[], yielded=())
DONE = response(b'{"status":"SUCCESS"}')
SHOWN = {"abort": False, "properties": [{"label": "Repo", "text": "red", "url": "https://r.example"}]}
STORED = JsonText('[{"label":"Repo","text":"red","url":"https://r.example"}]')

Acts = Callable[[asyncio.StreamWriter], Awaitable[None]]


class App:
    """An app with a job that is preprocessed and one that is not.

    Attributes:
        said: What it answers when it is asked what is to be shown: bytes, or an act.
        executes: What it answers to an execution.
        kept: What the server has kept.
        is_held: Whether the execution holds its run when that is to be kept.
        error: What keeping raises.
    """

    def __init__(self) -> None:
        self.said: bytes | Acts = response(json.dumps(SHOWN).encode())
        self.executes = DONE
        self.kept: list[tuple[str, int, JsonText]] = []
        self.is_held = True
        self.error: Exception | None = None
        self.endpoint: HttpEndpoint
        self.server: Server

    async def answer(self, received: Received, writer: asyncio.StreamWriter) -> None:
        action = received.headers["x-trigger-action"]
        if action == "INDEX_ENDPOINT":
            jobs = [job("job", preprocessRuns=True), job("other")]
            index = {"jobs": jobs, "sources": [], "dynamicTriggers": [], "dynamicSchedules": []}
            writer.write(response(json.dumps(index).encode()))
        elif action == "EXECUTE_JOB":
            writer.write(self.executes)
        elif isinstance(self.said, bytes):
            writer.write(self.said)
        else:
            await self.said(writer)

    async def keep(self, run_id: str, epoch: int, properties: JsonText) -> bool:
        self.kept.append((run_id, epoch, properties))
        if self.error is not None:
            raise self.error
        return self.is_held

    async def execute(self, request: ExecutionRequest = FIRST) -> ExecutionResult:
        return await self.endpoint.execute(request)

    def asked(self) -> list[str]:
        """The actions that it was asked for since it has been indexed."""
        return [one.headers["x-trigger-action"] for one in self.server.requests[1:]]


@asynccontextmanager
async def app() -> AsyncIterator[App]:
    async def listens(job_id: str, metadata: RunMetadata) -> None:
        pass

    one = App()
    async with serving(one.answer) as one.server, sending() as outbound:
        link = AppLink("shop", f"{one.server.origin}/", api_keys=lambda: ["key"], requester=outbound)
        one.endpoint = HttpEndpoint(link, now=lambda: NOW, monotonic=lambda: 0.0, listens=listens, keeps=one.keep)
        await one.endpoint.index()
        yield one


async def test_an_app_is_asked_what_is_to_be_shown_of_a_run_before_it_executes_it() -> None:
    async with app() as it:
        request = replace(FIRST, account=AccountInfo("acme", JsonText('{"m":1}')))
        assert await it.execute(request) == Succeeded(None)
        assert it.asked() == ["PREPROCESS_RUN", "EXECUTE_JOB"]
        assert json.loads(it.server.requests[1].body) == {
            "event": {
                "id": "e1", "name": "user.created", "payload": {"n": 1}, "context": {},
                "timestamp": "2026-01-02T03:04:05.000Z",
            },
            "job": {"id": "job", "version": "1.0.0"},
            "run": {"id": "run_1", "isTest": False},
            "environment": {"id": "env_1", "slug": "dev", "type": "DEVELOPMENT"},
            "organization": {"id": "org_1", "slug": "default", "title": "Default"},
            "account": {"id": "acme", "metadata": {"m": 1}},
        }  # fmt: skip
    assert it.kept == [("run_1", 1, STORED)]


async def test_an_app_is_not_asked_about_runs_of_other_jobs_nor_about_those_that_have_begun() -> None:
    async with app() as it:
        for request in (
            replace(FIRST, job=replace(FIRST.job, id="other")),
            replace(FIRST, epoch=2, tasks=STATES),
            replace(FIRST, epoch=2, yielded=("key",)),
        ):
            assert await it.execute(request) == Succeeded(None)
        assert it.asked() == ["EXECUTE_JOB"] * 3


@pytest.mark.parametrize(
    "body",
    [
        {"abort": False},
        {"abort": False, "properties": []},
        {"abort": False, "properties": [{"label": "Invoice"}, {"label": 1}]},
    ],
)
async def test_nothing_is_stored_of_a_run_of_which_nothing_is_to_be_shown(
    body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with app() as it:
        it.said = response(json.dumps(body).encode())
        assert await it.execute() == Succeeded(None)
    assert (it.kept, caplog.messages) == ([], [])


async def _die(writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (response(b'{"message":"Invalid body"}', status="400 Bad Request"), "answered 400 (Invalid body)"),
        (response(b'{"message":"Job not found"}', status="404 Not Found"), "answered 404 (Job not found)"),
        (response(b"<h1>oops", status="500 Internal Server Error"), "answered 500"),
        (response(b"{"), "cannot be read"),
        (response(b'{"abort":"no"}'), "cannot be read"),
        (response(b'{"abort":false,"properties":[1]}'), "cannot be read"),
        (response(b'{"abort":false,"properties":[{"label":"l","text":"' + b"x" * 70_000 + b'"}]}'), "at most 65,536"),
        (b"no HTTP\r\n\r\n", "not HTTP"),
        (_die, "closed the connection"),
    ],
)
async def test_a_run_is_executed_whatever_comes_of_asking(
    said: bytes | Acts, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with app() as it:
        it.said = said
        assert await it.execute() == Succeeded(None)
    assert it.kept == []
    (message,) = caplog.messages
    assert message.startswith("Run run_1 of job job is executed without properties: ")
    assert why in message


async def test_a_run_is_executed_when_its_app_takes_too_long_to_say(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    never = asyncio.Event()

    async def hang(_writer: asyncio.StreamWriter) -> None:
        await never.wait()

    monkeypatch.setattr(preprocessing, "SECONDS", 0.05)
    async with app() as it:
        it.said = hang
        assert await it.execute() == Succeeded(None)
    assert len(caplog.messages) == 1


async def test_a_run_is_executed_when_what_is_to_be_shown_cannot_be_stored() -> None:
    async with app() as it:
        it.error = StorageUnavailableError("no disk")
        assert await it.execute() == Succeeded(None)
    assert it.asked() == ["PREPROCESS_RUN", "EXECUTE_JOB"]


async def test_an_app_that_dies_when_it_is_asked_about_a_run_is_not_asked_about_it_again() -> None:
    async with app() as it:
        it.said, it.executes = _die, response(status="500 Internal Server Error")
        for epoch in (1, 2, 3):
            assert isinstance(await it.execute(replace(FIRST, epoch=epoch)), Abandoned)
    assert it.asked() == ["PREPROCESS_RUN", "EXECUTE_JOB", "EXECUTE_JOB", "EXECUTE_JOB"]


async def test_an_app_that_was_not_there_is_asked_when_it_is(caplog: pytest.LogCaptureFixture) -> None:
    async with app() as it:
        link = it.endpoint._link
        here, link.url = link.url, "http://127.0.0.1:1/"
        away = await it.execute()
        assert isinstance(away, Abandoned)
        assert away.no_code
        link.url = here
        assert await it.execute(replace(FIRST, epoch=2)) == Succeeded(None)
    assert it.asked() == ["PREPROCESS_RUN", "EXECUTE_JOB"]
    assert it.kept == [("run_1", 2, STORED)]
    assert {record.name for record in caplog.records} == {"perdure.transport.presence"}


async def test_a_run_that_its_app_does_not_want_executed_is_aborted() -> None:
    async with app() as it:
        it.said = response(b'{"abort":true,"properties":[]}')
        result = await it.execute()
    assert isinstance(result, Failed)
    assert (result.is_aborted, result.error.name) == (True, "RunAbortedError")
    assert it.asked() == ["PREPROCESS_RUN"]


async def test_a_run_that_is_cancelled_while_its_app_is_asked_is_not_executed() -> None:
    async with app() as it:

        async def cancel(writer: asyncio.StreamWriter) -> None:
            it.endpoint.abort("run_1", "The run was cancelled.")
            writer.write(response(msgspec.json.encode(SHOWN)))

        it.said = cancel
        assert isinstance(await it.execute(), Abandoned)
    assert (it.asked(), it.kept) == (["PREPROCESS_RUN"], [])


async def test_a_run_that_another_execution_has_taken_meanwhile_is_not_executed() -> None:
    async with app() as it:
        it.is_held = False
        assert isinstance(await it.execute(), Abandoned)
    assert it.asked() == ["PREPROCESS_RUN"]
