"""A service to fetch from: ``python -m bench.target PORT TLS_PORT CERTIFICATE``.

``/now`` is answered at once; ``/hold`` when somebody asks for ``/release``; ``/held`` says how many are held. The same
is on the second port over TLS.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from functools import partial


class Service:
    """Reads requests without a body, and answers them."""

    def __init__(self) -> None:
        self._held = 0
        self._released = asyncio.Event()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await self._answer(head.split(b" ", 2)[1])
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: bytes) -> bytes:
        if path == b"/hold":
            self._held += 1
            await self._released.wait()
        elif path == b"/release":
            self._released.set()
            self._held, self._released = 0, asyncio.Event()
        elif path == b"/held":
            return str(self._held).encode()
        return b'{"ok":true,"n":1}'


async def serve(port: int, tls_port: int, certificate: str) -> None:
    """Listen until the process is ended."""
    service = Service()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    listen = partial(asyncio.start_server, service.converse, "127.0.0.1", backlog=2000)
    async with await listen(port=port) as server, await listen(port=tls_port, ssl=context):
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
