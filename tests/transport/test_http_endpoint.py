"""What an app behind a URL is asked, and what its answers mean (v2 protocol, sections 3 and 6.7)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from perdure.errors import FetchFailedError, NotFoundError
from perdure.protocol.connections import Credential
from perdure.protocol.execution import (
    Abandoned,
    AutoYielded,
    EnvironmentInfo,
    EventInfo,
    ExecutionRequest,
    ExecutionResult,
    Failed,
    InvalidPayload,
    JobRef,
    JsonText,
    OrganizationInfo,
    ProjectInfo,
    RunInfo,
    Succeeded,
    Suspended,
    TaskState,
    Tenant,
    UnresolvedAuth,
    Yielded,
)
from perdure.protocol.messages.execution import RunMetadata
from perdure.protocol.noop_filter import NoopFilter
from perdure.protocol.outbound import OutboundRequest, OutboundResponse
from perdure.protocol.statuses import EnvironmentType, TaskStatus
from perdure.transport.app_link import AppLink
from perdure.transport.execution_verdict import FAILURE_LIMIT
from perdure.transport.http_endpoint import HttpEndpoint
from tests.transport.sending import sending
from tests.transport.server import Handler, Received, Server, response, serving

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TASK = {"id": "task_1", "name": "t", "noop": False, "status": "WAITING", "attempts": 1, "idempotencyKey": "k" * 64}
TASK_2 = {**TASK, "id": "task_2"}
TENANT = Tenant(
    EnvironmentInfo("env_1", "dev", EnvironmentType.DEVELOPMENT),
    ProjectInfo("proj_1", "default", "Default"),
    OrganizationInfo("org_1", "default", "Default"),
)
STATES = [
    TaskState(
        "task_a", "a" * 64, None, "task", "done", TaskStatus.COMPLETED, False, 1, JsonText("1"), None, None, None
    ),
    TaskState("task_b", "b" * 64, None, "wait", "nap", TaskStatus.COMPLETED, True, 1, None, None, None, None),
    TaskState("task_c", "c" * 64, None, "task", "open", TaskStatus.RUNNING, False, 2, None, None, None, None),
]
REQUEST = ExecutionRequest(
    2,
    RunInfo("run_1", False, False, NOW),
    JobRef("job", "1.0.0"),
    EventInfo("e1", "user.created", JsonText('{"n":1}'), JsonText("{}"), NOW),
    TENANT,
    None,
    None,
    STATES,
    ("before",),
)


@asynccontextmanager
async def asking(answer: Handler | bytes) -> AsyncIterator[tuple[HttpEndpoint, Server, list[tuple[str, RunMetadata]]]]:
    told: list[tuple[str, RunMetadata]] = []

    async def listens(job_id: str, metadata: RunMetadata) -> None:
        told.append((job_id, metadata))

    async with serving(answer) as server, sending() as outbound:
        link = AppLink("shop", f"{server.origin}/api/trigger", api_keys=lambda: ["tr_dev_key"], requester=outbound)
        endpoint = HttpEndpoint(link, now=lambda: NOW, monotonic=lambda: 0.0, listens=listens)
        yield endpoint, server, told


async def execute(body: Any, *, status: str = "200 OK", headers: dict[str, str] | None = None) -> ExecutionResult:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with asking(response(data, status=status, headers=headers)) as (endpoint, _, _):
        return await endpoint.execute(REQUEST)


async def test_an_app_that_is_not_there_to_be_told_of_an_end_is_told_apart_from_one_that_fails() -> None:
    end = JsonText('{"id":"run_1"}')
    async with asking(response(b'{"message":"Job not found"}', status="404 Not Found")) as (endpoint, _, _):
        with pytest.raises(NotFoundError, match="Job not found"):
            await endpoint.notify("job", end)
    async with asking(b"no HTTP\r\n\r\n") as (endpoint, _, _):
        with pytest.raises(NotFoundError, match="Nobody answers"):
            await endpoint.notify("job", end)
    async with asking(response(status="500 Internal Server Error")) as (endpoint, _, _):
        with pytest.raises(FetchFailedError):
            await endpoint.notify("job", end)


async def test_an_app_is_given_the_credentials_that_are_kept_for_its_integrations() -> None:
    scopes = ("chat:write",)
    credentials = {
        "chat": Credential("xoxb", "oauth2", scopes, metadata=JsonText('{"a":1}')),
        "code": Credential("ghp", "apiKey", additional_fields={"org": "acme"}),
    }
    async with asking(response(b'{"status":"SUCCESS"}')) as (endpoint, server, _):
        await endpoint.execute(replace(REQUEST, credentials=credentials))
        await endpoint.execute(REQUEST)
    given, none = [json.loads(one.body) for one in server.requests]
    assert given["connections"] == {
        "chat": {"type": "oauth2", "accessToken": "xoxb", "scopes": ["chat:write"]},
        "code": {"type": "apiKey", "accessToken": "ghp", "additionalFields": {"org": "acme"}},
    }
    assert "connections" not in none


async def test_an_app_is_told_of_the_trace_that_it_is_to_continue() -> None:
    async def listens(job_id: str, metadata: RunMetadata) -> None:
        pass

    async with serving(response(b'{"status":"SUCCESS"}')) as server, sending() as outbound:
        link = AppLink(
            "shop", f"{server.origin}/api/trigger", api_keys=lambda: ["k"], requester=outbound,
            trace_headers=lambda: (("traceparent", "00-1-2-01"),),
        )  # fmt: skip
        endpoint = HttpEndpoint(link, now=lambda: NOW, monotonic=lambda: 0.0, listens=listens)
        await endpoint.execute(REQUEST)
    assert server.requests[0].headers["traceparent"] == "00-1-2-01"


async def test_an_app_that_does_not_take_a_key_is_asked_with_the_next_one_from_then_on() -> None:
    async def listens(job_id: str, metadata: RunMetadata) -> None:
        pass

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        is_right = received.headers["x-trigger-api-key"] == "new"
        body = b'{"status":"SUCCESS"}' if is_right else b'{"message":"no"}'
        writer.write(response(body, status="200 OK" if is_right else "401 Unauthorized"))

    async with serving(answer) as server, sending() as outbound:
        keys = ["old", "new", "other"]
        link = AppLink("shop", f"{server.origin}/api/trigger", api_keys=lambda: keys, requester=outbound)
        endpoint = HttpEndpoint(link, now=lambda: NOW, monotonic=lambda: 0.0, listens=listens)
        for _ in range(2):
            assert await endpoint.execute(REQUEST) == Succeeded(None)
    assert [one.headers["x-trigger-api-key"] for one in server.requests] == ["old", "new", "new"]


async def test_an_execution_is_asked_for_with_all_that_replay_needs() -> None:
    async with asking(response(b'{"status":"SUCCESS","output":{"a":1}}')) as (endpoint, server, _):
        assert await endpoint.execute(REQUEST) == Succeeded(JsonText('{"a":1}'))
    (received,) = server.requests
    assert (received.method, received.target) == ("POST", "/api/trigger")
    assert received.headers["x-trigger-action"] == "EXECUTE_JOB"
    assert received.headers["x-trigger-api-key"] == "tr_dev_key"
    assert received.headers["x-trigger-version"] == "2023-09-29"
    body = json.loads(received.body)
    assert body["event"]["payload"] == {"n": 1}
    assert body["tasks"] == [
        {
            "id": "a" * 64,
            "idempotencyKey": "a" * 64,
            "status": "COMPLETED",
            "noop": False,
            "output": 1,
            "parentId": None,
        }
    ]
    assert "b" * 64 in NoopFilter.decode(body["noopTasksSet"])
    assert body["yieldedExecutions"] == ["before"]
    assert body["runChunkExecutionLimit"] == 59650
    assert body["run"] == {"id": "run_1", "isTest": False, "isRetry": False, "startedAt": "2026-01-02T03:04:05.000Z"}
    assert "cachedTaskCursor" not in body


async def test_an_app_that_names_no_version_is_told_of_its_completed_tasks_alone() -> None:
    states = [replace(STATES[0], output=JsonText('"longer"')), STATES[1], replace(STATES[0], id="task_d", key="d" * 64)]
    async with asking(response(b'{"status":"SUCCESS"}')) as (endpoint, server, _):
        await endpoint.execute(REQUEST)
        await endpoint.execute(replace(REQUEST, tasks=states))
    assert endpoint.version == "unknown"
    body = json.loads(server.requests[1].body)
    assert [(task["idempotencyKey"][0], task["noop"]) for task in body["tasks"]] == [
        ("b", True), ("d", False), ("a", False),
    ]  # fmt: skip
    asked = {"cachedTaskCursor", "noopTasksSet", "yieldedExecutions", "runChunkExecutionLimit", "autoYieldConfig"}
    assert not asked & set(body)


async def test_a_body_is_bounded_in_bytes_whatever_is_written_in_it() -> None:
    states = [
        replace(STATES[0], id=f"task_{number}", key=f"{number:064x}", output=JsonText(f'"{"語" * 500_000}"'))
        for number in range(4)
    ]
    async with asking(response(b'{"status":"SUCCESS"}')) as (endpoint, server, _):
        await endpoint.execute(replace(REQUEST, tasks=states))
    body = json.loads(server.requests[0].body)
    assert (len(body["tasks"]), body["cachedTaskCursor"]) == (1, "task_1")


AT_START = {"location": "start_task", "timeRemaining": 1.5, "timeElapsed": 2}
ISSUES = {"gh": {"id": "github", "error": "none"}}


@pytest.mark.parametrize(
    ("status", "members", "expected"),
    [
        ("SUCCESS", {}, Succeeded(None)),
        ("RESUME_WITH_TASK", {"task": TASK}, Suspended(("task_1",))),
        ("YIELD_EXECUTION", {"key": "y"}, Yielded("y")),
        ("AUTO_YIELD_EXECUTION", AT_START, AutoYielded("ran out of its time at start_task")),
        ("INVALID_PAYLOAD", {"errors": [{"path": ["a"], "message": "no"}]}, InvalidPayload(((("a",), "no"),))),
        ("UNRESOLVED_AUTH_ERROR", {"issues": ISSUES}, UnresolvedAuth(JsonText(json.dumps(ISSUES).replace(" ", "")))),
    ],
)
async def test_each_answer_means_a_result(status: str, members: Any, expected: ExecutionResult) -> None:
    assert await execute({"status": status, **members}) == expected


async def test_an_error_names_the_task_that_it_is_of() -> None:
    result = await execute({"status": "ERROR", "error": {"name": "TypeError", "message": "boom"}, "task": TASK})
    assert isinstance(result, Failed)
    assert (result.error.name, result.error.message, result.task_id) == ("TypeError", "boom", "task_1")


async def test_a_retry_waits_for_its_time() -> None:
    at = "2026-01-02T03:05:00.000Z"
    result = await execute({"status": "RETRY_WITH_TASK", "task": TASK, "error": {"message": "no"}, "retryAt": at})
    assert isinstance(result, Suspended)
    (retry,) = result.retries
    assert (result.task_ids, retry.task_id, retry.error.message) == (("task_1",), "task_1", "no")
    assert retry.at == datetime(2026, 1, 2, 3, 5, tzinfo=UTC)


async def test_a_task_is_completed_with_a_yield() -> None:
    data = {"location": "before_complete_task", "timeRemaining": 1, "timeElapsed": 2}
    result = await execute(
        {"status": "AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK", "id": "task_1", "output": '{"a":1}', "data": data}
    )
    assert isinstance(result, AutoYielded)
    assert [(done.task_id, done.output) for done in result.completed] == [("task_1", '{"a":1}')]


async def test_an_endpoint_that_was_refused_for_asking_too_often_is_left_alone_until_then() -> None:
    result = await execute({"status": "AUTO_YIELD_RATE_LIMIT", "reset": 1767323045000})
    assert isinstance(result, AutoYielded)
    assert result.at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def test_branches_of_a_parallel_block_wait_together() -> None:
    children = [
        {"status": "RESUME_WITH_TASK", "task": TASK},
        {
            "status": "RETRY_WITH_TASK",
            "task": TASK_2,
            "error": {"message": "no"},
            "retryAt": "2026-01-02T03:05:00.000Z",
        },
    ]
    result = await execute({"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": children})
    assert isinstance(result, Suspended)
    assert (result.task_ids, len(result.retries)) == (("task_1", "task_2"), 1)


async def test_a_batch_of_runs_is_waited_for_as_a_whole() -> None:
    batch = {**TASK, "id": "task_9", "name": "Batch Invoke 'child'"}
    children = [{"status": "RESUME_WITH_TASK", "task": one} for one in (TASK, TASK_2)]
    result = await execute({"status": "RESUME_WITH_PARALLEL_TASK", "task": batch, "childErrors": children})
    assert result == Suspended(("task_1", "task_2"), "task_9")


async def test_a_parallel_block_inside_another_waits_too() -> None:
    inner = json.dumps({"task": TASK, "childErrors": [{"task": {**TASK, "id": "task_3"}}]})
    children = [{"status": "ERROR", "error": {"name": "Unknown error", "message": inner}}]
    result = await execute({"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": children})
    assert result == Suspended(("task_3",))


@pytest.mark.parametrize(
    "signal",
    [
        {"task": TASK, "retryAt": "soon"},
        {"task": TASK, "retryAt": "2026-13-02"},
        {"task": {"id": 1}},
        {"childErrors": 5},
        [],
    ],
)
async def test_what_only_looks_like_a_parallel_block_is_the_error_that_it_is(signal: Any) -> None:
    said = json.dumps({"task": TASK, "childErrors": [signal]})
    children = [{"status": "ERROR", "error": {"name": "Unknown error", "message": said}}]
    result = await execute({"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": children})
    assert isinstance(result, Failed)
    assert (result.error.name, result.error.message) == ("Unknown error", said)


async def test_a_task_inside_a_parallel_block_inside_another_is_tried_again() -> None:
    retry = {"task": TASK, "retryAt": "2026-01-02T03:05:00.000Z", "cause": {"message": "no", "name": "E"}}
    said = json.dumps(
        {"task": TASK_2, "childErrors": [retry, {"task": TASK_2, "retryAt": retry["retryAt"], "cause": "x"}]}
    )
    children = [{"status": "ERROR", "error": {"name": "Unknown error", "message": said}}]
    result = await execute({"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": children})
    assert isinstance(result, Suspended)
    assert [(one.task_id, one.error.message) for one in result.retries] == [("task_1", "no"), ("task_2", '"x"')]


async def test_one_failed_branch_fails_the_run() -> None:
    children = [{"status": "RESUME_WITH_TASK", "task": TASK}, {"status": "ERROR", "error": {"message": "boom"}}]
    result = await execute({"status": "RESUME_WITH_PARALLEL_TASK", "task": TASK, "childErrors": children})
    assert isinstance(result, Failed)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        ("401 Unauthorized", b'{"message":"Forbidden: client apiKey mismatch"}', "Forbidden: client apiKey mismatch"),
        ("418 Teapot", b"<html>", "Endpoint responded with 418 status code"),
        ("200 OK", b"<html>", "Endpoint responded with invalid JSON"),
        ("200 OK", b'{"status":"NEVER_HEARD"}', "Endpoint responded with an answer of another shape"),
        ("200 OK", b'{"status":"RESUME_WITH_TASK"}', "Endpoint responded with an answer of another shape"),
        (
            "200 OK",
            b'{"status":"SUCCESS","output":' + b"[" * 100_000,
            "Endpoint responded with JSON that is not accepted",
        ),
        (
            "200 OK",
            b'{"status":"SUCCESS","output":' + b"[" * 65 + b"]" * 65 + b"}",
            "Endpoint responded with JSON that is not accepted. The JSON is nested more than 64 deep.",
        ),
    ],
)
async def test_a_wrong_answer_fails_the_run(status: str, body: bytes, message: str) -> None:
    result = await execute(body, status=status)
    assert isinstance(result, Failed)
    assert result.error.message.startswith(message)


async def test_an_endpoint_that_fails_is_asked_again_some_times() -> None:
    result = await execute(b"oops", status="500 Error")
    assert result == Abandoned("Endpoint responded with 500 status code", limit=FAILURE_LIMIT)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        ("504 Gateway Timeout", b"", {}),
        ("408 Request Timeout", b"", {}),
        ("500 Error", b"", {"x-vercel-error": "FUNCTION_INVOCATION_TIMEOUT"}),
        ("502 Bad Gateway", b"TIME_LIMIT_EXCEEDED", {}),
        ("503 Unavailable", b"Worker exceeded resource limits", {"cf-ray": "1"}),
    ],
)
async def test_the_limit_of_a_platform_is_learnt(status: str, body: bytes, headers: dict[str, str]) -> None:
    async with asking(response(body, status=status, headers=headers)) as (endpoint, server, _):
        result = await endpoint.execute(REQUEST)
        assert isinstance(result, AutoYielded)
        assert result.is_cut
        await endpoint.execute(REQUEST)
    assert json.loads(server.requests[1].body)["runChunkExecutionLimit"] == 10_000 - 350


async def test_a_run_waits_for_an_endpoint_that_is_not_there() -> None:
    async with asking(b"") as (endpoint, _, _):
        endpoint._link.url = "http://127.0.0.1:1/"
        result = await endpoint.execute(REQUEST)
    assert isinstance(result, Abandoned)
    assert result.no_code
    assert result.limit is None


HALF = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status":'


@pytest.mark.parametrize("sent", [b"", HALF, HALF[:20]])
async def test_an_app_whose_connection_ends_in_the_midst_has_died_over_the_run(sent: bytes) -> None:
    async def die(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        writer.close()

    async with asking(die) as (endpoint, server, _):
        result = await endpoint.execute(REQUEST)
    assert (isinstance(result, Abandoned) and result.lost, len(server.requests)) == (True, 1), result


async def test_a_node_that_stops_lays_nothing_to_the_runs_that_it_cuts_off() -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def hang(_received: Received, _writer: asyncio.StreamWriter) -> None:
        asked.set()
        await never.wait()

    async with asking(hang) as (endpoint, _, _):
        executing = asyncio.ensure_future(endpoint.execute(REQUEST))
        await asked.wait()
        await endpoint._link._requester.close()  # type: ignore[attr-defined]
        result = await executing
    assert isinstance(result, Abandoned)
    assert (result.lost, result.no_code) == (False, True)


@pytest.mark.parametrize(
    "sent",
    [
        b"this is no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        response(headers={"X-Long": "x" * 100_000}),
    ],
)
async def test_an_app_that_never_answers_in_a_form_that_is_read_is_not_asked_for_ever(sent: bytes) -> None:
    async with asking(sent) as (endpoint, _, _):
        result = await endpoint.execute(REQUEST)
    assert isinstance(result, Abandoned)
    assert (result.lost, result.no_code, result.limit) == (False, False, FAILURE_LIMIT)


async def test_a_run_waits_for_a_job_that_its_endpoint_does_not_have() -> None:
    result = await execute({"message": "Job not found"}, status="404 Not Found")
    assert isinstance(result, Abandoned)
    assert result.no_code


async def test_it_is_noted_once_which_ends_the_app_listens_for() -> None:
    headers = {"x-trigger-run-metadata": '{"successSubscription":true}'}
    async with asking(response(b'{"status":"SUCCESS"}', headers=headers)) as (endpoint, _, told):
        for _ in range(2):
            await endpoint.execute(REQUEST)
    assert told == [("job", RunMetadata(success_subscription=True))]


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"ok":1}'])
async def test_what_is_no_app_at_all_is_said_to_be_none(body: bytes) -> None:
    async with asking(response(body)) as (endpoint, _, _):
        with pytest.raises(FetchFailedError, match="Could not parse response from endpoint"):
            await endpoint.ping()


async def test_an_app_says_its_id() -> None:
    async with asking(response(b'{"ok":true,"endpointId":"shop"}')) as (endpoint, server, _):
        assert await endpoint.validate() == "shop"
    assert [one.headers["x-trigger-action"] for one in server.requests] == ["VALIDATE"]
    for body in (b"<html>", b'{"ok":true}'):
        async with asking(response(body)) as (endpoint, _, _):
            with pytest.raises(FetchFailedError, match="Could not parse response from endpoint"):
                await endpoint.validate()


async def test_an_app_that_leads_on_and_on_is_not_followed_for_ever() -> None:
    async with asking(response(b"", status="307 Elsewhere", headers={"Location": "/again"})) as (endpoint, server, _):
        with pytest.raises(FetchFailedError, match="redirected more than 5 times"):
            await endpoint.ping()
    assert len(server.requests) == 6


async def test_an_app_that_leads_from_https_to_http_is_not_followed() -> None:
    class Redirects:
        async def request(self, request: OutboundRequest) -> OutboundResponse:
            return OutboundResponse(301, (("location", "http://app.example/api/trigger"),), b"")

    async def listens(job_id: str, metadata: RunMetadata) -> None:
        raise AssertionError

    link = AppLink("shop", "https://app.example/api/trigger", api_keys=lambda: ["tr_dev_key"], requester=Redirects())
    endpoint = HttpEndpoint(link, now=lambda: NOW, monotonic=lambda: 0.0, listens=listens)
    with pytest.raises(FetchFailedError, match="where all could read the key"):
        await endpoint.ping()


async def test_another_app_is_not_taken_for_the_one_that_is_meant() -> None:
    async with asking(response(b'{"ok":false,"error":"Endpoint ID mismatch error"}')) as (endpoint, server, _):
        with pytest.raises(FetchFailedError, match="Endpoint ID mismatch error"):
            await endpoint.ping()
    assert server.requests[0].headers["x-trigger-endpoint-id"] == "shop"
