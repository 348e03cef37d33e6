"""A connection for one small request after the other: HTTP/1.1 with nothing around it.

A client for everything takes ten times as long for a request as the exchange itself, and a step waits for it.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS: Final = 5.0
"""How long a connection may take to be made."""

IDLE_SECONDS: Final = 3.0
"""After how long unused a connection is not used any more: the server may be about to close it."""


class LineError(Exception):
    """The answer has not come, or not whole."""


class LineReply(Struct, frozen=True):
    """An answer; its headers by lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes


class DirectLine:
    """Sends requests to one URL, one at a time, over a connection that is kept; for one event loop.

    Args:
        url: The URL, without a slash at the end.
        headers: The headers of every request.
        limit: How many bytes of an answer are read.
    """

    def __init__(self, url: str, headers: Mapping[str, str], *, limit: int) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._is_secret = parts.scheme == "https"
        self._port = parts.port or (443 if self._is_secret else 80)
        self._base = parts.path
        self._head = _written({"Host": parts.netloc.rpartition("@")[2], **headers})
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._connection: _Connection | None = None

    async def post(self, path: str, body: bytes, headers: Mapping[str, str], *, seconds: float) -> LineReply:
        """Send a POST and read the answer.

        Raises:
            OSError: There is no connection.
            LineError: The answer has not come, not whole, not in time, or is none.
        """
        connection = await self._open()
        first = f"POST {self._base}{path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n".encode()
        answered = connection.send(b"".join((first, self._head, _written(headers), b"\r\n", body)))
        late = self._loop.call_later(seconds, connection.fail, "it took too long")
        try:
            return await answered
        finally:
            late.cancel()
            if not answered.done() or answered.cancelled():
                connection.close()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _open(self) -> _Connection:
        found = self._connection
        if found is not None and found.is_fresh(self._loop.time()):
            return found
        self.close()
        context = ssl.create_default_context() if self._is_secret else None
        async with asyncio.timeout(CONNECT_SECONDS):
            _, made = await self._loop.create_connection(
                lambda: _Connection(self._loop, self._limit), self._host, self._port, ssl=context
            )
        self._connection = made
        return made


def _written(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")


class _Connection(asyncio.Protocol):
    """One connection; what the parser finds comes back to it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._loop = loop
        self._limit = limit
        self._transport: Any = None
        self._answered: asyncio.Future[LineReply] | None = None
        self._used_at = loop.time()
        self._is_open = True
        self._size = 0
        self._parts: list[bytes] = []
        self._headers: dict[str, str] = {}
        self._parser: Any = HttpResponseParser(self)

    def is_fresh(self, now: float) -> bool:
        return self._is_open and self._answered is None and now - self._used_at < IDLE_SECONDS

    def send(self, data: bytes) -> asyncio.Future[LineReply]:
        self._size, self._parts, self._headers = 0, [], {}
        self._answered = answered = self._loop.create_future()
        self._transport.write(data)
        return answered

    def fail(self, why: str) -> None:
        self._is_open = False
        answered, self._answered = self._answered, None
        if answered is not None and not answered.done():
            answered.set_exception(LineError(why))
        self.close()

    def close(self) -> None:
        self._is_open = False
        if self._transport is not None:
            self._transport.abort()

    # Of the transport.

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self.fail("the answer is no HTTP")

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail("the connection was lost")

    # Of the parser.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value)
        self._check_size()
        self._headers[name.lower().decode("latin-1")] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        self._check_size()
        self._parts.append(body)

    def on_message_complete(self) -> None:
        status: int = self._parser.get_status_code()
        if status < 200:
            # More is to come.
            self._headers = {}
            return
        self._used_at = self._loop.time()
        if not self._parser.should_keep_alive():
            self._is_open = False
        answered, self._answered = self._answered, None
        if answered is not None and not answered.done():
            answered.set_result(LineReply(status, self._headers, b"".join(self._parts)))

    def _check_size(self) -> None:
        if self._size > self._limit:
            self.fail("the answer is too large")
