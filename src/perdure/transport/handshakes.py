"""TLS over connections that are there already, begun a few at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from perdure.transport.handler import read_in_small_pieces

if TYPE_CHECKING:
    import ssl

    from perdure.transport.handler import BoundedHandler

BEGUN_AT_ONCE: Final = 8
"""Handshakes that may have a large buffer at the same time, for one turn of the event loop each."""


class Unread(asyncio.Protocol):
    """A connection of which nothing is read until it is secured: what comes first belongs to the handshake."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Leave unread what comes in."""
        cast("asyncio.Transport", transport).pause_reading()


class Handshakes:
    """Secures connections without a large buffer for each.

    asyncio gives each TLS connection a buffer of 256 KiB before anybody can ask for less: a thousand connections that
    are made together would take 256 MB, which the process keeps. So they begin in turns, and each gives its buffer
    back before the next ones begin. A turn does not wait for the other side, which may be slow.
    """

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(BEGUN_AT_ONCE)

    async def secure(
        self, plain: asyncio.Transport, handler: BoundedHandler, *, context: ssl.SSLContext, host: str | None
    ) -> asyncio.Transport:
        """Make a plain connection one over TLS, and hand it over.

        Args:
            plain: The connection, an `Unread` one; it is closed if this fails.
            handler: Takes the secured connection over.
            context: Which certificates are trusted.
            host: Whose certificate is asked for.

        Raises:
            OSError: The two sides do not agree, the certificate is not trusted, or the connection was lost.
        """
        try:
            secured = await self._begin(plain, handler, context, host)
        except BaseException:
            plain.abort()
            raise
        if secured is None:
            raise ConnectionResetError("the connection was lost")
        handler.connection_made(secured)
        return secured

    async def _begin(
        self, plain: asyncio.Transport, handler: BoundedHandler, context: ssl.SSLContext, host: str | None
    ) -> asyncio.Transport | None:
        await self._turns.acquire()
        loop = asyncio.get_running_loop()
        # Called when the loop has begun the handshake, and before anything came in for it.
        loop.call_soon(self._end_turn, plain)
        if plain.is_closing():
            return None
        return await loop.start_tls(plain, handler, context, server_hostname=host)

    def _end_turn(self, plain: asyncio.Transport) -> None:
        self._turns.release()
        read_in_small_pieces(plain.get_protocol())
