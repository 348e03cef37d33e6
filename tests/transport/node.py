"""A node that answers what a test says, over real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from perdure.transport.node_target import Target

Reply = bytes | None
"""What is answered; ``None``: the connection is closed without an answer."""


class ScriptedNode:
    """Answers requests one after the other as it is told, each on a connection of its own.

    Attributes:
        seen: The requests: method, path and body of each.
        keys: The API key that came with each.
    """

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.seen: list[tuple[str, str, bytes]] = []
        self.keys: list[str] = []
        self.target = Target("", "")

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *headers = head.split("\r\n")
        named = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in headers)}
        method, path, _ = line.split(" ")
        body = await reader.readexactly(int(named.get("content-length", "0")))
        self.seen.append((method, path, body))
        self.keys.append(named["authorization"].removeprefix("Bearer "))
        reply = self.replies.pop(0)
        if reply is not None:
            writer.write(reply)
        writer.close()


def reply(status: int, body: bytes = b"", *, native: bool = True, kind: str = "application/json") -> bytes:
    """Write an answer."""
    version = "Perdure-Version: 1\r\n" if native else ""
    head = f"HTTP/1.1 {status} Any\r\n{version}Content-Type: {kind}\r\nConnection: close\r\n"
    length = f"Content-Length: {len(body)}\r\n" if kind == "application/json" else ""
    return f"{head}{length}\r\n".encode() + body


@asynccontextmanager
async def serving(*replies: Reply, api_key: str = "key") -> AsyncIterator[ScriptedNode]:
    """Let a node answer like this."""
    node = ScriptedNode(*replies)
    server = await asyncio.start_server(node.answer, "127.0.0.1", 0)
    node.target = Target(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", api_key)
    async with server:
        yield node


class Places:
    """Says where the node is: each time the next of what it is given, and the last of them from then on."""

    def __init__(self, *places: Target | Callable[[], Target] | None) -> None:
        self._places = list(places)

    def find(self) -> Target | None:
        place = self._places.pop(0) if len(self._places) > 1 else self._places[0]
        return place() if callable(place) else place

    def failure(self, problem: str) -> GoneError:
        return GoneError(problem)


class GoneError(Exception):
    """What this finder says when nobody answers."""
