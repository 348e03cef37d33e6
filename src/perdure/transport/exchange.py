"""One request and one answer over a guarded connection; the only place that drives the HTTP client."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar
from yarl import URL

from perdure.errors import FetchFailedError, ResponseTooLargeError
from perdure.protocol.outbound import RESPONSE_HEADERS_LIMIT, OutboundRequest, OutboundResponse
from perdure.transport.body import BodyReader, too_large
from perdure.transport.connector import GuardedConnector
from perdure.transport.failures import translate
from perdure.transport.handler import wire_limit
from perdure.transport.lookup import SystemLookup
from perdure.transport.redirects import redirect_location
from perdure.transport.sent_body import sent_body

if TYPE_CHECKING:
    import ssl

    from aiohttp import ClientResponse

    from perdure.protocol.egress import EgressPolicy
    from perdure.protocol.web_url import WebUrl
    from perdure.transport.lookup import Lookup

LARGE: Final = 64 * 1024
"""Bytes from which on a body is large."""

LARGE_BODIES: Final = 32
"""How many large bodies are read at once; further ones wait, within their timeout."""

# What may lie unread for each connection: with a thousand of them open, the client's own default would be a lot.
_READ_AHEAD: Final = 32 * 1024


class Exchange:
    """Sends requests over a pool of guarded connections.

    Args:
        policy: Where requests may go.
        lookup: Finds the addresses of a name; ``None``: the system's resolver.
        connections: Connections open at once.
        connections_per_host: Connections open at once to one host and port.
        tls: Which certificates are trusted; ``None``: those that the system trusts.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        lookup: Lookup | None,
        connections: int,
        connections_per_host: int,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._system_lookup = SystemLookup() if lookup is None else None
        connector = GuardedConnector(
            policy,
            lookup=lookup or self._system_lookup or SystemLookup(),
            connections=connections,
            connections_per_host=connections_per_host,
            tls=tls,
        )
        self._session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            # Whoever sends has a deadline for everything; further timers would only blur what happened.
            timeout=ClientTimeout(total=None, sock_connect=None),
            skip_auto_headers=("Content-Type",),
            read_bufsize=_READ_AHEAD,
            max_field_size=RESPONSE_HEADERS_LIMIT // 4,
        )
        self._large_bodies = asyncio.Semaphore(LARGE_BODIES)

    async def send(self, request: OutboundRequest, url: WebUrl) -> OutboundResponse:
        """Send a request to a checked URL and read the answer; redirects are not followed.

        Raises:
            BlockedAddressError: The host leads to a closed address; nothing was sent.
            ResponseTooLargeError: Headers or body are larger than what is read.
            FetchFailedError: There was no answer, or none that could be read.
        """
        target = URL(url.text, encoded=True)
        if (target.scheme, target.raw_host, target.port, target.user) != (url.scheme, url.host, url.port, None):
            raise FetchFailedError(f"{url.origin} is read in another way by the HTTP client; nothing was sent.")
        wire_limit.set(2 * request.bounds.response_body)
        try:
            async with self._session.request(
                request.method.upper(),
                target,
                headers=_headers_to_send(request),
                data=sent_body(request.body),
                allow_redirects=False,
            ) as response:
                return await self._read(response, request.bounds.response_body)
        except (ClientError, OSError) as error:
            if not self._session.closed:
                raise translate(error, url) from None
        except (RuntimeError, asyncio.CancelledError) as error:
            if not self._session.closed or _is_cancelled(error):
                raise
        # Closing fails what is under way, and cancels what waits for a connection though nobody asked for that.
        raise FetchFailedError("The node stopped before the request was answered.")

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
        if self._system_lookup is not None:
            self._system_lookup.close()

    async def _read(self, response: ClientResponse, limit: int) -> OutboundResponse:
        headers = tuple((_text(name).lower(), _text(value)) for name, value in response.raw_headers)
        if sum(len(name) + len(value) + 4 for name, value in response.raw_headers) > RESPONSE_HEADERS_LIMIT:
            raise ResponseTooLargeError(f"The answer has more than {RESPONSE_HEADERS_LIMIT // 1024} KiB of headers.")
        if redirect_location(response.status, headers) is not None:
            # Nothing in the body matters, and it may be endless: unread, it costs the connection.
            return OutboundResponse(response.status, headers, b"")
        return OutboundResponse(response.status, headers, await self._read_body(response, headers, limit))

    async def _read_body(self, response: ClientResponse, headers: tuple[tuple[str, str], ...], limit: int) -> bytes:
        if response.method == "HEAD":
            return b""
        if (response.content_length or 0) > limit:
            raise too_large(limit)
        reader = BodyReader(", ".join(value for name, value in headers if name == "content-encoding"), limit=limit)
        async with AsyncExitStack() as slot:
            is_large = False
            async for data in response.content.iter_any():
                reader.feed(data)
                if reader.size > LARGE and not is_large:
                    is_large = True
                    await slot.enter_async_context(self._large_bodies)
            return reader.finish()


def _headers_to_send(request: OutboundRequest) -> list[tuple[str, str]]:
    given = {name.lower() for name, _ in request.headers}
    own = (("Accept-Encoding", "gzip, deflate"), ("User-Agent", "perdure"))
    return [*request.headers, *((name, value) for name, value in own if name.lower() not in given)]


def _is_cancelled(error: BaseException) -> bool:
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
