"""A connection for each request to a node: for programs that ask little, and are to be quick about it.

Of a command that asks one question, loading a whole HTTP client would be the longest part.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

import h11

from perdure.errors import NotConnectedError, PerdureError
from perdure.transport.node_request import (
    ANSWER_LIMIT,
    CONNECT_SECONDS,
    LostError,
    NodeReply,
    NotSentError,
    headers_of,
)
from perdure.transport.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from perdure.transport.node_request import NodeRequest
    from perdure.transport.node_session import NodeSession
    from perdure.transport.node_target import Target

_READ_AHEAD: Final = 64 * 1024


class SingleCalls:
    """Asks nodes, each time over a connection of its own.

    Args:
        version: The version of perdure, which every request names.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self._session: NodeSession | None = None

    async def send(self, target: Target, request: NodeRequest) -> NodeReply:
        """Send a request and read the whole answer; raises as `NodeSession.send`."""
        where = _read_url(target)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(
                    where.hostname, where.port or (443 if where.scheme == "https" else 80), ssl=where.scheme == "https"
                )
        except (OSError, TimeoutError) as error:
            raise NotSentError(f"There is no connection to it: {reason_of(error)}.") from error
        try:
            return await self._exchange(reader, writer, target, request)
        except (h11.ProtocolError, OSError) as error:
            raise LostError(f"The connection to it was lost: {reason_of(error)}.") from error
        finally:
            writer.close()

    async def stream(self, target: Target, request: NodeRequest) -> AsyncGenerator[NodeReply | bytes]:
        """Send a request and hand on the answer as it comes; see `NodeSession.stream`."""
        if self._session is None:
            # Who follows something stays long enough.
            from perdure.transport.node_session import NodeSession

            self._session = NodeSession(self._version)
        async with aclosing(self._session.stream(target, request)) as parts:
            async for part in parts:
                yield part

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Target, request: NodeRequest
    ) -> NodeReply:
        where = urlsplit(target.url)
        body = b"" if request.body is None else request.body
        said = {
            "Host": where.netloc.rpartition("@")[2],
            "Perdure-Version": self._version,
            "User-Agent": f"perdure/{self._version}",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **headers_of(target, request),
        }
        connection = h11.Connection(h11.CLIENT)
        for event in (
            h11.Request(method=request.method, target=where.path + request.target, headers=list(said.items())),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            writer.write(connection.send(event) or b"")
        await writer.drain()
        return await _read_reply(reader, connection)


async def _read_reply(reader: asyncio.StreamReader, connection: h11.Connection) -> NodeReply:
    parts: list[bytes] = []
    size = 0
    response: h11.Response | None = None
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_AHEAD))
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            parts.append(bytes(event.data))
            size += len(parts[-1])
            if size > ANSWER_LIMIT:
                raise PerdureError(f"The node's answer is over {ANSWER_LIMIT:,} bytes; ask for smaller pages.")
        elif isinstance(event, h11.EndOfMessage) and response is not None:
            is_native = any(name == b"perdure-version" for name, _ in response.headers)
            return NodeReply(response.status_code, b"".join(parts), is_native)
        elif not isinstance(event, h11.InformationalResponse):
            raise LostError("The connection to it was lost: it was closed.")


def _read_url(target: Target) -> SplitResult:
    try:
        where = urlsplit(target.url)
        where.netloc.encode("ascii")
        if where.hostname and where.scheme in ("http", "https") and where.port != 0:
            return where
    except ValueError:
        pass
    raise NotConnectedError(f"{target.url!r} is no URL of a node.")
