"""The least that asks a server over HTTP: what the driver itself takes is not to be measured."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bench.remote.platform import KEY


class BareClient:
    """A connection that is kept open; one request at a time.

    Args:
        port: The server's port on loopback.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> BareClient:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        self._writer.close()
        await self._writer.wait_closed()

    async def ask(self, request: bytes) -> bytes:
        """Send a request; the body of its answer.

        Args:
            request: What `write_request` wrote.

        Raises:
            RuntimeError: The answer is no 200.
        """
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        body = await self._reader.readexactly(length)
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"{head.decode()}{body.decode()}")
        return body


def write_request(path: str, body: Any) -> bytes:
    """Write a POST with the key and a JSON body."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data
