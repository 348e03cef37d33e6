"""What an app behind a URL is asked, and who answers there (v2 protocol, section 3)."""

from __future__ import annotations

import asyncio
import json

import pytest
from msgspec.structs import replace

from perdure.errors import FetchFailedError, NotFoundError
from perdure.protocol.connections import Credential
from perdure.protocol.execution import JsonText, Succeeded
from perdure.protocol.messages.execution import RunMetadata
from perdure.protocol.noop_filter import NoopFilter
from perdure.protocol.outbound import OutboundRequest, OutboundResponse
from perdure.transport.app_link import AppLink
from perdure.transport.http_endpoint import HttpEndpoint
from tests.transport.asking import NOW, REQUEST, STATES, asking
from tests.transport.sending import sending
from tests.transport.server import Received, response, serving


async def test_an_app_that_is_not_there_to_be_told_of_an_end_is_told_apart_from_one_that_fails() -> None:
    end = JsonText('{"id":"run_1","status":"SUCCESS"}')
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


async def test_it_is_noted_once_which_ends_the_app_listens_for() -> None:
    headers = {"x-trigger-run-metadata": '{"successSubscription":true}'}
    async with asking(response(b'{"status":"SUCCESS"}', headers=headers)) as (endpoint, _, told):
        for _ in range(2):
            await endpoint.execute(REQUEST)
    assert told == [("job", RunMetadata(success_subscription=True))]


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
