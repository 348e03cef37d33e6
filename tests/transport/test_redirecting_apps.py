"""An app that redirects is followed to no other place with what it is asked for, except by its index and its pings."""

from __future__ import annotations

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
from tests.transport.server import redirect, response, serving

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


@pytest.mark.parametrize("location", ["http://169.254.169.254/", "ftp://example.com/", "http://[", "/api/trigger"])
async def test_a_redirect_to_nowhere_does_not_make_the_app_one_that_is_away(location: str) -> None:
    async with asking(redirect(location)) as (endpoint, server, _):
        result = await endpoint.execute(REQUEST)
    assert isinstance(result, Abandoned)
    assert (result.no_code, result.is_absent, result.limit is None) == (False, False, False)
    assert len(server.requests) == 1


ASKED: dict[str, Callable[[HttpEndpoint], Awaitable[Any]]] = {
    "RUN_NOTIFICATION": lambda app: app.notify("job", JsonText("{}")),
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
