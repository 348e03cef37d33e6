"""Requests read from a connection by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


async def requests_on(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, bytes]]:
    """Head and body of each request that comes, until the connection ends."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        yield head, await reader.readexactly(length)
