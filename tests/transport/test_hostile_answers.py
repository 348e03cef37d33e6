"""Whatever a server answers, the outcome is typed, in time, and small."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from perdure.errors import FetchFailedError, FetchTimeoutError
from perdure.protocol.outbound import OutboundRequest
from perdure.transport.handler import BoundedHandler
from tests.transport.hostile import LATE, PEERS
from tests.transport.sending import fetch, sending
from tests.transport.server import Received, response, serving


@pytest.mark.parametrize("behaviour", PEERS)
async def test_a_server_that(behaviour: str, caplog: pytest.LogCaptureFixture) -> None:
    peer, expected = PEERS[behaviour]
    # Only what has to run out does; the rest ends long before.
    timeout = 0.15 if expected == LATE else 30
    begun = time.monotonic()
    async with serving(peer) as server:
        outcome = await _outcome(server.origin, timeout=timeout)
    assert outcome == expected
    assert time.monotonic() - begun < (10 if expected == LATE else 29)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_the_next_request_is_not_answered_with_what_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    writers: list[asyncio.StreamWriter] = []
    came_in = asyncio.Event()

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(response(received.target.encode()))
        await writer.drain()

    def data_received(handler: BoundedHandler, data: bytes) -> None:
        real(handler, data)
        if b"unasked" in data:
            came_in.set()

    real = BoundedHandler.data_received
    monkeypatch.setattr(BoundedHandler, "data_received", data_received)
    async with serving(answer) as server, sending() as outbound:
        first = await outbound.request(OutboundRequest("GET", f"{server.origin}/first"))
        writers[0].write(response(b"unasked"))
        await came_in.wait()
        second = await outbound.request(OutboundRequest("GET", f"{server.origin}/second"))
    assert (first.body, second.body, server.connections) == (b"/first", b"/second", 2)


async def test_a_failure_says_which_server_and_holds_no_secret() -> None:
    async with serving(b"secret\r\n\r\n") as server:
        for path in ("/?token=secret", "/secret"):
            with pytest.raises(FetchFailedError) as caught:
                await fetch(server.origin + path, headers=(("X-Secret", "secret"),))
            assert server.origin in str(caught.value)
            assert "secret" not in str(caught.value)
            # Nor does what a traceback would show with it.
            assert caught.value.__suppress_context__
            assert caught.value.__cause__ is None


async def test_a_server_that_is_not_there_is_no_answer() -> None:
    async with serving(b"") as server:
        pass
    with pytest.raises(
        FetchFailedError, match=r"There is no connection to http://127\.0\.0\.1:\d+: Connection refused"
    ):
        await fetch(server.origin)


async def _outcome(url: str, *, timeout: float) -> str | int:
    try:
        return (await fetch(url, timeout=timeout)).status
    except FetchFailedError as error:
        return error.code if (error.status, error.body) == (None, None) else "an answer"
    except FetchTimeoutError as error:
        return error.code
