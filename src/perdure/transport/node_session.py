"""One request to a node and one answer; says of what failed whether the node may have done it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    TCPConnector,
)
from msgspec import Struct
from multidict import CIMultiDict
from yarl import URL

from perdure.errors import NotConnectedError, PerdureError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from perdure.transport.node_target import Target

ANSWER_LIMIT: Final = 256 * 1024 * 1024
"""How many bytes of one answer are read."""

_CONNECTIONS: Final = 100
_CONNECT_SECONDS: Final = 5.0
_SILENT_SECONDS: Final = 60.0
# A node closes connections that were idle for 5 s; one that is about to be closed must not be used.
_KEEP_SECONDS: Final = 3.0
_READ_AHEAD: Final = 256 * 1024


class NodeRequest(Struct, frozen=True):
    """What a node is asked.

    Attributes:
        method: The HTTP method.
        target: Path and query, percent-encoded.
        body: JSON text, or ``None``.
        repeats: Whether it may be sent again if nobody knows what became of it.
    """

    method: str
    target: str
    body: bytes | None = None
    repeats: bool = True


class NodeReply(Struct, frozen=True):
    """What a node answered. ``is_native``: whether the answer names a version of perdure."""

    status: int
    body: bytes
    is_native: bool


class NodeHead(Struct, frozen=True):
    """The beginning of an answer that is handed on as it is."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]


class NotSentError(Exception):
    """The request has not reached a node."""


class LostError(Exception):
    """There was no answer; whether the node has done what was asked is not known."""


class NodeSession:
    """Connections to nodes, of one event loop.

    Args:
        version: The version of perdure, which every request names.
    """

    def __init__(self, version: str) -> None:
        self._session = ClientSession(
            connector=TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_SECONDS),
            cookie_jar=DummyCookieJar(),
            trust_env=False,
            timeout=ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            headers={"Perdure-Version": version, "User-Agent": f"perdure/{version}"},
            read_bufsize=_READ_AHEAD,
        )

    async def send(self, target: Target, request: NodeRequest) -> NodeReply:
        """Send a request and read the whole answer.

        Raises:
            NotSentError: It has not reached a node.
            LostError: The answer has not come, or not whole.
            PerdureError: The answer is too large, or the URL is none.
        """
        try:
            async with self._session.request(
                request.method,
                URL(target.url + request.target, encoded=True),
                headers=_headers(target, request),
                data=request.body,
                allow_redirects=False,
            ) as response:
                return NodeReply(response.status, await _read(response), "Perdure-Version" in response.headers)
        except (ClientError, OSError) as error:
            raise _translated(error, target) from error

    async def stream(self, target: Target, request: NodeRequest) -> AsyncIterator[NodeReply | bytes]:
        """Send a request and hand on the answer as it comes: first its head, then its body in parts.

        The whole body comes with the head if it is no stream.

        Raises:
            NotSentError: It has not reached a node.
            LostError: The answer broke off, or nothing came for a minute.
        """
        try:
            async with self._session.request(
                request.method,
                URL(target.url + request.target, encoded=True),
                headers={**_headers(target, request), "Accept": "text/event-stream"},
                allow_redirects=False,
                timeout=ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENT_SECONDS),
            ) as response:
                is_stream = response.status == 200 and response.content_type == "text/event-stream"
                body = b"" if is_stream else await _read(response)
                yield NodeReply(response.status, body, "Perdure-Version" in response.headers)
                if is_stream:
                    async for part in response.content.iter_any():
                        yield part
        except (ClientError, OSError) as error:
            raise _translated(error, target) from error

    async def relay(
        self, target: Target, request: NodeRequest, headers: Sequence[tuple[str, str]]
    ) -> AsyncIterator[NodeHead | bytes]:
        """Send a request of somebody else, and hand on the answer as it comes: first its head, then its body.

        Args:
            target: Where; its key is not shown.
            request: What.
            headers: The headers of the request.

        Raises:
            NotSentError: It has not reached a node.
            LostError: The answer broke off.
        """
        try:
            async with self._session.request(
                request.method,
                URL(target.url + request.target, encoded=True),
                headers=CIMultiDict(headers),
                data=request.body,
                allow_redirects=False,
            ) as response:
                yield NodeHead(response.status, response.raw_headers)
                async for part in response.content.iter_any():
                    yield part
        except (ClientError, OSError) as error:
            raise _translated(error, target) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


def _headers(target: Target, request: NodeRequest) -> Mapping[str, str]:
    headers = {"Authorization": f"Bearer {target.api_key}"}
    if target.environment is not None:
        headers["Perdure-Environment"] = target.environment
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    return headers


async def _read(response: ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > ANSWER_LIMIT:
            raise PerdureError(f"The node's answer is over {ANSWER_LIMIT:,} bytes; ask for smaller pages.")
        parts.append(part)
    return b"".join(parts)


def _translated(error: ClientError | OSError, target: Target) -> Exception:
    if isinstance(error, InvalidURL):
        return NotConnectedError(f"{target.url!r} is no URL of a node.")
    number = getattr(error, "errno", None)
    reason = os.strerror(number) if isinstance(number, int) and number > 0 else type(error).__name__
    if isinstance(error, ClientConnectorError):
        return NotSentError(f"There is no connection to it: {reason}.")
    return LostError(f"The connection to it was lost: {reason}.")
