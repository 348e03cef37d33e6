"""What a proxy before an app answers in its place is not taken for the app's."""

from __future__ import annotations

import asyncio
import logging

import pytest

from perdure.protocol.execution import Abandoned, Failed
from perdure.transport.execution_verdict import FAILURE_LIMIT
from tests.transport.asking import REQUEST, asking
from tests.transport.server import Handler, Received, response


def behind(proxy: str, *, ping: bool) -> Handler:
    """A proxy that answers executions itself, and lets a ping through or answers that as well."""

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        is_ping = received.headers["x-trigger-action"] == "PING"
        if is_ping and ping:
            writer.write(response(b'{"ok":true}', headers={"perdure-version": "1", "trigger-version": "2023-09-29"}))
        else:
            writer.write(response(b"<html>of the proxy</html>", status=proxy))
        await writer.drain()

    return answer


@pytest.mark.parametrize("is_signed", [True, False])
@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Service Unavailable"])
async def test_a_run_waits_for_an_app_that_is_not_there_behind_its_proxy(status: str, is_signed: bool) -> None:
    async with asking(behind(status, ping=False)) as (endpoint, _, _):
        endpoint._link.is_signed = is_signed
        result = await endpoint.execute(REQUEST)
    assert isinstance(result, Abandoned)
    assert (result.no_code, result.limit) == (True, None)
    assert result.reason.endswith(f": status {status[:3]}")


@pytest.mark.parametrize("status", ["404 Not Found", "429 Too Many Requests", "403 Forbidden", "200 OK"])
async def test_a_run_waits_where_a_proxy_answers_all_that_is_for_an_app_of_perdures(status: str) -> None:
    async with asking(behind(status, ping=False)) as (endpoint, _, _):
        endpoint._link.is_signed = True
        result = await endpoint.execute(REQUEST)
    assert isinstance(result, Abandoned)
    assert (result.no_code, result.limit) == (True, None)


@pytest.mark.parametrize("status", ["502 Bad Gateway", "429 Too Many Requests", "200 OK"])
async def test_what_a_proxy_says_to_an_execution_of_an_app_that_is_there_is_a_failure_of_some(status: str) -> None:
    async with asking(behind(status, ping=True)) as (endpoint, _, _):
        endpoint._link.is_signed = True
        result = await endpoint.execute(REQUEST)
    assert isinstance(result, Abandoned)
    assert (result.no_code, result.limit) == (False, FAILURE_LIMIT)


@pytest.mark.parametrize("is_signed", [True, False])
async def test_a_proxy_that_takes_no_body_of_that_size_fails_the_run_with_what_to_do(is_signed: bool) -> None:
    async with asking(behind("413 Request Entity Too Large", ping=True)) as (endpoint, _, _):
        endpoint._link.is_signed = is_signed
        result = await endpoint.execute(REQUEST)
    assert isinstance(result, Failed)
    assert "client_max_body_size 16m" in result.error.message


async def test_the_log_says_once_that_an_app_has_gone_and_that_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    there, away = response(b'{"status":"SUCCESS"}'), response(b"<html>", status="502 Bad Gateway")
    # An execution that is answered by a proxy is followed by a ping.
    answers = [there, away, away, away, away, there, there]

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answers.pop(0))
        await writer.drain()

    async with asking(answer) as (endpoint, _, _):
        for _ in range(5):
            await endpoint.execute(REQUEST)
    assert answers == []
    assert [(record.levelname, record.getMessage().partition(",")[0]) for record in caplog.records] == [
        ("WARNING", "The app shop is not there"),
        ("INFO", "The app shop is there again."),
    ]
