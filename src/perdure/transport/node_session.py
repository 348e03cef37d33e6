"""Connections to nodes that are asked much."""

from __future__ import annotations

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
from multidict import CIMultiDict
from yarl import URL

from perdure.errors import NotConnectedError, PerdureError
from perdure.transport.node_request import (
    ANSWER_LIMIT,
    CONNECT_SECONDS,
    LostError,
    NodeHead,
    NodeReply,
    NotSentError,
    headers_of,
)
from perdure.transport.reasons import reason_of
from perdure.transport.sent_body import sent_body
from perdure.transport.signer import Signer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from perdure.transport.node_request import NodeRequest
    from perdure.transport.node_target import Target

_CONNECTIONS: Final = 100
_SILENT_SECONDS: Final = 60.0
# A node closes connections that were idle for 5 s; one that is about to be closed must not be used.
_KEEP_SECONDS: Final = 3.0
_READ_AHEAD: Final = 256 * 1024


class NodeSession:
    """Connections to nodes, of one event loop.

    Args:
        version: The version of perdure, which every request names.
        is_signing: Whether the key is not shown, not even to a node of which nothing is known.
    """

    def __init__(self, version: str, *, is_signing: bool = False) -> None:
        self._is_signing = is_signing
        self._signers: dict[str, Signer] = {}
        self._session = ClientSession(
            connector=TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_SECONDS),
            cookie_jar=DummyCookieJar(),
            trust_env=False,
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
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
        signer = self._signer(target)
        try:
            async with self._session.request(
                request.method,
                URL(target.url + request.target, encoded=True),
                headers=headers_of(target, request, signer),
                data=sent_body(request.body),
                allow_redirects=False,
            ) as response:
                return NodeReply(response.status, await _read(response), _is_native(response, signer))
        except (ClientError, OSError) as error:
            raise _translated(error, target) from error

    async def stream(self, target: Target, request: NodeRequest) -> AsyncGenerator[NodeReply | bytes]:
        """Send a request and hand on the answer as it comes: first its head, then its body in parts.

        The whole body comes with the head if it is no stream.

        Raises:
            NotSentError: It has not reached a node.
            LostError: The answer broke off, or nothing came for a minute.
        """
        signer = self._signer(target)
        try:
            async with self._session.request(
                request.method,
                URL(target.url + request.target, encoded=True),
                headers={**headers_of(target, request, signer), "Accept": "text/event-stream"},
                allow_redirects=False,
                timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=_SILENT_SECONDS),
            ) as response:
                is_stream = response.status == 200 and response.content_type == "text/event-stream"
                body = b"" if is_stream else await _read(response)
                yield NodeReply(response.status, body, _is_native(response, signer))
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
                data=sent_body(request.body),
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

    def _signer(self, target: Target) -> Signer:
        signer = self._signers.get(target.api_key)
        if signer is None:
            signer = self._signers[target.api_key] = Signer(target.api_key, is_signing=self._is_signing)
        return signer


def _is_native(response: ClientResponse, signer: Signer) -> bool:
    is_native = "Perdure-Version" in response.headers
    signer.is_signing = signer.is_signing or is_native
    return is_native


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
    reason = reason_of(error)
    if isinstance(error, ClientConnectorError):
        return NotSentError(f"There is no connection to it: {reason}.")
    return LostError(f"The connection to it was lost: {reason}.")
