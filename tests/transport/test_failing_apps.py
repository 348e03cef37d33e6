"""Apps behind URLs that fail, answer wrongly or not at all, or are not there: what becomes of their runs."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest

from perdure.protocol.execution import Abandoned, AutoYielded, Failed
from perdure.transport.execution_verdict import FAILURE_LIMIT
from tests.transport.asking import REQUEST, asking, execute
from tests.transport.hostile import encoded
from tests.transport.server import Received, response


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


async def test_a_run_whose_app_has_come_to_be_at_a_closed_address_waits_and_says_why() -> None:
    async with asking(b"") as (endpoint, server, _):
        endpoint._link.url = "http://10.0.0.1/api/trigger"
        result = await endpoint.execute(REQUEST)
    assert isinstance(result, Abandoned)
    assert (result.is_absent, server.requests) == (True, [])
    assert "Requests to '10.0.0.1' are blocked: its address is private." in result.reason
    assert "PERDURE_EGRESS_ALLOW" in result.reason


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
        encoded(b'{"status":"SUCCESS"}', "br"),
        encoded(b'{"status":"SUCCESS"}', "gzip"),
        encoded(b'{"status":"SUCCESS"}', "deflate"),
        encoded(gzip.compress(b'{"status":"SUCCESS"}')[:-9], "gzip"),
        encoded(gzip.compress(b"") * 1000, "gzip"),
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
