"""Connections are bounded, wait within the timeout, and are given back whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import Any

import pytest

from perdure.errors import FetchFailedError, FetchTimeoutError
from perdure.protocol.outbound import OutboundRequest
from perdure.transport.connector import GuardedConnector
from tests.transport.hostile import PEERS, never
from tests.transport.sending import sending
from tests.transport.server import Handler, Received, response, serving


class Gate:
    """Holds requests until it is opened, and knows how many it held at once."""

    def __init__(self) -> None:
        self.most = self.here = 0
        self.arrived = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, received: Received, writer: asyncio.StreamWriter) -> None:
        self.here += 1
        self.most = max(self.most, self.here)
        self.arrived.set()
        await self.opened.wait()
        self.here -= 1
        writer.write(response(received.target.encode()))
        await writer.drain()


@pytest.mark.parametrize(
    "limits", [{"connections": 3}, {"connections": 9, "connections_per_host": 3}], ids=["in all", "to one host"]
)
async def test_no_more_connections_than_allowed_are_open(limits: dict[str, int]) -> None:
    gate = Gate()
    async with serving(gate) as server, sending(**limits) as outbound:
        tasks = [
            asyncio.create_task(outbound.request(OutboundRequest("GET", f"{server.origin}/{n}"))) for n in range(20)
        ]
        await gate.arrived.wait()
        gate.opened.set()
        bodies = [answered.body for answered in await asyncio.gather(*tasks)]
    assert bodies == [f"/{n}".encode() for n in range(20)]
    assert (gate.most <= 3, server.connections) == (True, 3)


async def test_a_host_that_says_nothing_for_long_is_asked_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []
    connect = GuardedConnector._make_socket

    def noting(self: GuardedConnector, info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        made.append(connect(self, info))
        return made[-1]

    monkeypatch.setattr(GuardedConnector, "_make_socket", noting)
    async with serving(response(b"here")) as server, sending() as outbound:
        await outbound.request(OutboundRequest("GET", server.origin))
        (connection,) = made
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        if sys.platform == "linux":
            asked = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            assert [connection.getsockopt(socket.IPPROTO_TCP, option) for option in asked] == [30, 10, 3]


async def test_a_slow_host_leaves_connections_to_others() -> None:
    limits = {"connections": 10, "connections_per_host": 2}
    async with serving(never) as slow, serving(response(b"quick")) as quick, sending(**limits) as outbound:
        held = [asyncio.create_task(outbound.request(OutboundRequest("GET", slow.origin))) for _ in range(9)]
        answered = await outbound.request(OutboundRequest("GET", quick.origin))
        await _cancel(*held)
    assert answered.body == b"quick"


async def test_waiting_for_a_connection_counts_as_waiting_for_the_answer() -> None:
    gate = Gate()
    async with serving(gate) as server, sending(connections=1) as outbound:
        held = asyncio.create_task(outbound.request(OutboundRequest("GET", server.origin)))
        await gate.arrived.wait()
        with pytest.raises(FetchTimeoutError):
            await outbound.request(OutboundRequest("GET", server.origin, timeout=0.05))
        gate.opened.set()
        await held
    assert len(server.requests) == 1


async def test_a_request_that_is_cancelled_gives_its_connection_back() -> None:
    gate = Gate()
    async with serving(gate) as server, sending(connections=1) as outbound:
        held = asyncio.create_task(outbound.request(OutboundRequest("GET", server.origin)))
        await gate.arrived.wait()
        await _cancel(held)
        gate.opened.set()
        assert (await outbound.request(OutboundRequest("GET", f"{server.origin}/next"))).body == b"/next"


async def test_whatever_became_of_a_request_its_connection_is_given_back() -> None:
    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        handler = peers.get(received.target)
        if handler is None:
            writer.write(response(b"next"))
            await writer.drain()
        else:
            await handler(received, writer)

    peers: dict[str, Handler] = {f"/{index}": peer for index, (peer, _) in enumerate(PEERS.values())}
    async with serving(answer) as server, sending(connections=1) as outbound:
        for path in peers:
            with contextlib.suppress(FetchFailedError, FetchTimeoutError):
                await outbound.request(OutboundRequest("GET", server.origin + path, timeout=0.1))
            answered = await outbound.request(OutboundRequest("GET", f"{server.origin}/next", timeout=60))
            assert answered.body == b"next"


async def test_closing_ends_the_requests_under_way() -> None:
    gate = Gate()
    async with serving(gate) as server, sending() as outbound:
        held = asyncio.create_task(outbound.request(OutboundRequest("GET", server.origin)))
        await gate.arrived.wait()
        await outbound.close()
        with pytest.raises(FetchFailedError):
            await held
        with pytest.raises(FetchFailedError, match="stopping"):
            await outbound.request(OutboundRequest("GET", server.origin))


async def test_closing_before_anything_was_sent_is_fine_and_may_be_repeated() -> None:
    async with sending() as outbound:
        await outbound.close()
        await outbound.close()


async def test_a_request_that_waits_for_a_connection_ends_when_all_is_closed() -> None:
    gate = Gate()
    async with serving(gate) as server, sending(connections=1) as outbound:
        tasks = [asyncio.create_task(outbound.request(OutboundRequest("GET", server.origin))) for _ in range(3)]
        await gate.arrived.wait()
        await outbound.close()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [FetchFailedError] * 3


async def _cancel(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
