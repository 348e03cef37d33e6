"""A server that stops while requests are at work that it answers without ASGI: none of them is left without an end."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.responses import Response
from uvicorn import Server

from perdure.api.answers import JsonAnswer
from perdure.api.task_lines import LineOpening
from perdure.server import http
from perdure.server.embedded import start_embedded
from perdure.server.http import make_server
from tests.api.client import KEY

PATIENCE = 60.0


class Held:
    """An application that is at work on each request until it may answer."""

    def __init__(self, response: Response | None = None) -> None:
        self._response = JsonAnswer(b'{"is": "done"}') if response is None else response
        self.reached = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, _scope: object, _receive: object, _send: object) -> None:
        raise AssertionError("nothing comes by ASGI here")

    def find_direct(self, *_: object) -> tuple[Held, dict[str, str]]:
        return self, {}

    async def respond(self, _request: object) -> Response:
        self.reached.set()
        await self.may_answer.wait()
        return self._response


class Wire:
    """A connection on which one event is sent after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, event: object) -> None:
        body = json.dumps({"event": event}).encode()
        head = f"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def answer(self) -> tuple[str, Any] | None:
        """The head and the body of the next answer; ``None``: the connection has ended before it came."""
        async with asyncio.timeout(PATIENCE):
            try:
                head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
                return head, json.loads(await self._reader.readexactly(length))
            except asyncio.IncompleteReadError as error:
                if error.partial:
                    raise
                return None
            except ConnectionError:
                return None

    async def ends(self) -> bytes:
        """Wait until the connection has ended; the beginning of what came before that."""
        async with asyncio.timeout(PATIENCE):
            return (await self._reader.read())[:12]

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def at_work(held: Held) -> AsyncIterator[tuple[Server, Wire]]:
    """A server that is at work on one request."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = make_server(held, keep_alive=5)
    await server.startup(sockets=[listening])
    wire = Wire(*await asyncio.open_connection(*listening.getsockname()))
    try:
        wire.send({"name": "asked"})
        await asyncio.wait_for(held.reached.wait(), PATIENCE)
        yield server, wire
    finally:
        wire.close()
        await server.shutdown(sockets=[listening])


async def test_a_request_at_work_is_answered_before_its_server_stops() -> None:
    held = Held()
    async with at_work(held) as (server, wire):
        stopping = asyncio.create_task(server.shutdown())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not server.servers[0].is_serving()
        held.may_answer.set()

        answered = await wire.answer()
        assert answered is not None
        assert answered[0].startswith("http/1.1 200")
        assert "connection: close" in answered[0]
        assert answered[1] == {"is": "done"}
        assert await wire.answer() is None
        await stopping


async def test_a_connection_ends_whose_request_takes_longer_than_its_server_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "_SHUTDOWN_SECONDS", 0)
    async with at_work(Held()) as (server, wire):
        await server.shutdown()

        assert await wire.answer() is None


async def test_a_server_that_cuts_off_a_request_when_it_stops_reports_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http, "_SHUTDOWN_SECONDS", 0)
    async with at_work(Held()) as (server, wire):
        await server.shutdown()
        assert await wire.answer() is None

    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_line_that_is_opened_while_its_server_stops_ends_at_once() -> None:
    held = Held(LineOpening(SimpleNamespace(access=None, remote=None), b"secret"))  # type: ignore[arg-type]
    async with at_work(held) as (server, wire):
        stopping = asyncio.create_task(server.shutdown())
        await asyncio.sleep(0)
        held.may_answer.set()

        assert await wire.ends() == b"HTTP/1.1 101"
        await stopping
        assert not server.server_state.connections


async def test_every_event_is_stored_whose_sender_was_told_so_by_a_server_that_stopped(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/perdure.db"
    node = await start_embedded(None, database_url=url, api_key=KEY)
    port = int(node.url.rpartition(":")[2])
    told: list[str] = []
    are_many = asyncio.Event()

    async def send(name: str) -> None:
        wire, number = Wire(*await asyncio.open_connection("127.0.0.1", port)), 0
        while True:
            wire.send({"id": f"{name}-{number}", "name": "unheard"})
            answered = await wire.answer()
            if answered is None:
                break
            assert answered[0].startswith("http/1.1 200"), answered
            told.append(answered[1]["id"])
            number += 1
            if len(told) >= 50:
                are_many.set()
        wire.close()

    senders = [asyncio.create_task(send(f"sender{number}")) for number in range(8)]
    await asyncio.wait_for(are_many.wait(), PATIENCE)
    await node.stop()
    await asyncio.gather(*senders)

    after = await start_embedded(None, database_url=url, api_key=KEY)
    stored = [(await after.platform.get_event(event_id)).event.id for event_id in told]
    await after.stop()
    assert stored == told


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_is_just_made_is_ended_with_its_server(turns: int) -> None:
    """As when an app asks why a server that is about to stop has hung up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        address = listening.getsockname()
        server = make_server(Held(), keep_alive=5)
        await server.startup(sockets=[listening])
        began = asyncio.get_running_loop().time()
        with socket.create_connection(address) as connection:
            for _ in range(turns):
                await asyncio.sleep(0)
            await server.shutdown(sockets=[listening])
            connection.settimeout(PATIENCE)
            try:
                assert connection.recv(1) == b""
            except ConnectionResetError:
                # It was not taken.
                assert turns < 2
        assert not server.server_state.connections
    assert asyncio.get_running_loop().time() - began < http._SHUTDOWN_SECONDS
