"""Servers on loopback that answer byte for byte as a test says, well or badly."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import ssl


@dataclass
class Received:
    """A request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    raw: bytes


@dataclass
class Server:
    """A server that is listening, and what has reached it."""

    port: int
    connections: int = 0
    requests: list[Received] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Handler: TypeAlias = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(
    answer: Handler | bytes | dict[str, bytes], *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Listen on a free port until the block ends.

    Args:
        answer: Called for each request; or the bytes that answer every request, or those for each path.
        host: The address to listen on.
        tls: The server's certificate, for https.
    """
    tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        task = asyncio.create_task(_converse(server, answer, reader, writer))
        tasks[task] = writer
        task.add_done_callback(tasks.pop)

    # Room for a thousand connections that come in at once.
    listener = await asyncio.start_server(connected, host, 0, ssl=tls, backlog=2000)
    server = Server(listener.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        listener.close()
        left = dict(tasks)
        for task, writer in left.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*left, *(writer.wait_closed() for writer in left.values()), return_exceptions=True)


async def _converse(
    server: Server,
    answer: Handler | bytes | dict[str, bytes],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    try:
        while not writer.is_closing():
            received = await _receive(reader)
            server.requests.append(received)
            if callable(answer):
                await answer(received, writer)
            else:
                writer.write(answer if isinstance(answer, bytes) else answer[received.target])
                await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()


async def _receive(reader: asyncio.StreamReader) -> Received:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, target, headers, body, head + body)


def response(body: bytes = b"", *, status: str = "200 OK", headers: dict[str, str] | None = None) -> bytes:
    """Write an answer with a length."""
    lines = {"Content-Length": str(len(body)), **(headers or {})}
    return (
        f"HTTP/1.1 {status}\r\n".encode()
        + b"".join(f"{name}: {value}\r\n".encode() for name, value in lines.items())
        + b"\r\n"
        + body
    )


def redirect(location: str, *, status: str = "302 Found") -> bytes:
    """Write a redirect without a body."""
    return response(status=status, headers={"Location": location})
