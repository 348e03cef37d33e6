"""What stands in the query of an app's URL may let the server pass, and is shown in no message, error or log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec import Raw

from perdure.errors import PerdureError
from perdure.protocol.execution import JsonText
from perdure.protocol.messages.triggers import InitializeTriggerBody
from perdure.protocol.received import ReceivedRequest
from perdure.transport.http_endpoint import HttpEndpoint
from tests.transport.asking import NOW, REQUEST, asking
from tests.transport.server import redirect, response

ASKED: dict[str, Callable[[HttpEndpoint], Awaitable[Any]]] = {
    "ping": lambda app: app.ping(),
    "validate": lambda app: app.validate(),
    "index": lambda app: app.index(),
    "execute": lambda app: app.execute(REQUEST),
    "notify": lambda app: app.notify("job", JsonText('{"status":"SUCCESS"}')),
    "respond": lambda app: app.respond("key", ReceivedRequest("POST", "http://h/p", {}, b"", NOW)),
    "initialize trigger": lambda app: app.initialize_trigger(InitializeTriggerBody(id="trigger", params=Raw(b"{}"))),
}
ANSWERS = {
    "nothing": b"",
    "no HTTP": b"hello\r\n\r\n",
    "no JSON": response(b"<html>"),
    "another shape": response(b'{"jobs": 5}'),
    "a failure": response(status="500 Error"),
    "a refusal": response(status="403 Forbidden"),
    "not found": response(status="404 Not Found"),
    "too large": response(status="413 Too Large"),
    "nobody behind": response(status="502 Bad Gateway"),
    "wrong key": response(b'{"message":"Unauthorized: missing x-trigger-api-key header"}', status="401 Unauthorized"),
    "a redirect": redirect("?hush"),
    "a redirect to nowhere": redirect("ftp://hush/"),
}


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("asked", ASKED)
async def test_the_query_of_the_url_of_an_app_is_not_shown(
    asked: str, answer: str, is_signed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with asking(ANSWERS[answer]) as (endpoint, server, _):
        endpoint._link.url += "?pass=hush"
        endpoint._link.is_signed = is_signed
        if answer == "nothing":
            endpoint._link.url = "http://127.0.0.1:1/?pass=hush"
        try:
            said = repr(await ASKED[asked](endpoint))
        except PerdureError as error:
            said = str(error)
    assert "hush" not in said + caplog.text
    assert answer == "nothing" or server.requests[0].target == "/api/trigger?pass=hush"
