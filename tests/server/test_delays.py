"""No answer waits for its reader to confirm the first part of it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from perdure.engine.clock import SystemClock
from perdure.server.embedded import start_embedded
from perdure.server.http_protocol import DeadlineProtocol
from tests.engine.app import ScriptedApp


@pytest.mark.parametrize("is_inherited", [False, True])
async def test_both_parts_of_an_answer_are_sent_at_once(is_inherited: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted: list[Any] = []
    made = DeadlineProtocol.connection_made

    def connection_made(self: DeadlineProtocol, transport: Any) -> None:
        made(self, transport)
        accepted.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(DeadlineProtocol, "connection_made", connection_made)
    held = socket.create_server(("127.0.0.1", 0)) if is_inherited else None
    node = await start_embedded(ScriptedApp(SystemClock()), database_url="sqlite://", inherited=held)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(node.url.rpartition(":")[2]))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()
    await node.stop()
    assert accepted == [1]
