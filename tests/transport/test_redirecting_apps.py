"""An app that redirects is followed to no other place with what it is asked for, except by its index and its pings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec import Raw

from perdure.errors import FetchFailedError
from perdure.protocol.execution import Abandoned, JsonText
from perdure.protocol.messages.triggers import InitializeTriggerBody
from perdure.protocol.received import ReceivedRequest
from perdure.transport.http_endpoint import HttpEndpoint
from tests.transport.asking import NOW, REQUEST, asking
from tests.transport.server import Handler, Received, redirect, response, serving

STATUSES = ("301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect")


@pytest.mark.parametrize("status", STATUSES)
async def test_a_run_whose_app_redirects_is_shown_to_nobody_else_and_is_tried_again(status: str) -> None:
    async with serving(response(b'{"status":"SUCCESS"}')) as elsewhere:
        async with asking(redirect(f"{elsewhere.origin}/api/trigger", status=status)) as (endpoint, server, _):
            result = await endpoint.execute(REQUEST)
        assert isinstance(result, Abandoned)
        assert (result.no_code, result.is_absent) == (False, False)
        assert f"redirects to {elsewhere.origin}" in result.reason
        assert "perdure endpoints index" in result.reason
        assert (len(server.requests), elsewhere.requests) == (1, [])


async def test_a_run_of_an_app_of_perdures_waits_while_what_stands_before_it_redirects_and_says_so() -> None:
    async with serving(response(b'{"status":"SUCCESS"}')) as elsewhere:
        async with asking(redirect(f"{elsewhere.origin}/sign-in")) as (endpoint, _, _):
            endpoint._link.is_signed = True
            result = await endpoint.execute(REQUEST)
        assert isinstance(result, Abandoned)
        assert (result.is_absent, elsewhere.requests) == (True, [])
        assert f"redirects to {elsewhere.origin}" in result.reason
        assert "sign-in" not in result.reason


@pytest.mark.parametrize("location", ["http://169.254.169.254/", "ftp://example.com/", "http://[", "/api/trigger"])
async def test_a_redirect_to_nowhere_does_not_make_the_app_one_that_is_away(location: str) -> None:
    async with asking(redirect(location)) as (endpoint, server, _):
        result = await endpoint.execute(REQUEST)
    assert isinstance(result, Abandoned)
    assert (result.no_code, result.is_absent, result.limit is None) == (False, False, False)
    assert len(server.requests) == 1


ASKED: dict[str, Callable[[HttpEndpoint], Awaitable[Any]]] = {
    "RUN_NOTIFICATION": lambda app: app.notify("job", JsonText('{"status":"SUCCESS"}')),
    "DELIVER_HTTP_ENDPOINT_REQUEST_FOR_RESPONSE": lambda app: app.respond(
        "key", ReceivedRequest("POST", "http://h/p", {}, b"secret", NOW)
    ),
    "INITIALIZE_TRIGGER": lambda app: app.initialize_trigger(InitializeTriggerBody(id="trigger", params=Raw(b"{}"))),
}


@pytest.mark.parametrize("action", ASKED)
async def test_nothing_else_that_an_app_is_told_follows_a_redirect(action: str) -> None:
    async with serving(response(b"{}")) as elsewhere:
        async with asking(redirect(elsewhere.origin, status="307 Elsewhere")) as (endpoint, server, _):
            with pytest.raises(FetchFailedError, match="307"):
                await ASKED[action](endpoint)
        assert [one.headers["x-trigger-action"] for one in server.requests] == [action]
        assert elsewhere.requests == []


def app_of(*, native: bool = False) -> Handler:
    """Answer as an app does that wants to know who asks."""

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        headers = {"Perdure-Version": "0.1.0"} if native else {}
        has_key = "webhook-signature" in received.headers if native else "x-trigger-api-key" in received.headers
        said = {"ok": True} if has_key else {"message": "Unauthorized: missing x-trigger-api-key header"}
        status = "200 OK" if has_key else "401 Unauthorized"
        writer.write(response(json.dumps(said).encode(), status=status, headers=headers))
        await writer.drain()

    return answer


@pytest.mark.parametrize("answer", [response(b"<html>Sign in"), response(b"Sign in", status="401 Unauthorized")])
async def test_who_an_app_redirects_to_is_not_shown_the_key_unless_it_answers_as_an_app(answer: bytes) -> None:
    async with serving(answer) as elsewhere:
        async with asking(redirect(f"{elsewhere.origin}/sign-in")) as (endpoint, _, _):
            with pytest.raises(FetchFailedError):
                await endpoint.ping()
        assert len(elsewhere.requests) == 1
        assert b"tr_dev_key" not in elsewhere.requests[0].raw


async def test_who_takes_anybody_for_the_server_is_no_app_that_has_moved_and_is_not_shown_the_key() -> None:
    async with serving(response(b'{"ok":true}')) as elsewhere:
        async with asking(redirect(f"{elsewhere.origin}/api/trigger")) as (endpoint, _, _):
            with pytest.raises(FetchFailedError, match="does not answer as an app: it is not shown the key"):
                await endpoint.ping()
            await endpoint.execute(REQUEST)
        assert [b"tr_dev_key" in one.raw for one in elsewhere.requests] == [False]


@pytest.mark.parametrize("elsewhere", ["/sign-in", "http://127.0.0.1:9/sign-in"])
async def test_an_app_whose_proxy_led_to_a_sign_in_for_a_while_is_asked_where_it_was(elsewhere: str) -> None:
    answers = [redirect(elsewhere)]

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        at = received.target == "/api/trigger"
        await _write(writer, (answers.pop() if answers else response(b'{"ok":true}')) if at else response(b"Sign in"))

    async with asking(answer) as (endpoint, server, _):
        for ask in (endpoint.ping, endpoint.index):
            answers[:] = [redirect(elsewhere)]
            with pytest.raises(FetchFailedError):
                await ask()
            assert (endpoint.url, endpoint.has_moved) == (f"{server.origin}/api/trigger", False)
        await endpoint.ping()


async def test_an_app_that_has_moved_is_shown_the_key_once_it_has_asked_for_it() -> None:
    async with serving(app_of()) as there:
        async with asking(redirect(f"{there.origin}/api/trigger")) as (endpoint, _, _):
            await endpoint.ping()
            assert (endpoint.url, endpoint.has_moved) == (f"{there.origin}/api/trigger", True)
        keys = [one.headers.get("x-trigger-api-key") for one in there.requests]
        assert keys == [None, "tr_dev_key"]


async def test_an_app_of_perdures_that_has_moved_is_not_shown_the_key_at_all() -> None:
    async with serving(app_of(native=True)) as there:
        async with asking(redirect(f"{there.origin}/api/trigger")) as (endpoint, _, _):
            await endpoint.ping()
        assert [b"tr_dev_key" in one.raw for one in there.requests] == [False, False]


async def test_a_redirect_within_an_origin_keeps_the_key() -> None:
    answers = {"/api/trigger": redirect("/api/trigger/"), "/api/trigger/": response(b'{"ok":true}')}
    async with asking(lambda received, writer: _write(writer, answers[received.target])) as (endpoint, server, _):
        await endpoint.ping()
    assert [one.headers["x-trigger-api-key"] for one in server.requests] == ["tr_dev_key"] * 2


@pytest.mark.parametrize("location", ["ftp://example.com/", "http://u:hunter2@example.com/", "http://["])
async def test_where_an_app_redirects_to_no_url_the_redirect_is_blamed(location: str) -> None:
    async with asking(redirect(location)) as (endpoint, server, _):
        with pytest.raises(FetchFailedError, match=f"{server.origin} redirects to somewhere else than a URL") as caught:
            await endpoint.ping()
    assert "hunter2" not in str(caught.value)


async def _write(writer: asyncio.StreamWriter, answer: bytes) -> None:
    writer.write(answer)
    await writer.drain()
