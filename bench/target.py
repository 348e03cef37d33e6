"""A service to fetch from: ``python -m bench.target PORT``.

``/now`` is answered at once; ``/hold`` when somebody asks for ``/release``; ``/held`` says how many are held.
"""

from __future__ import annotations

import asyncio
import sys


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
        elif path == b"/held":
            return str(self._held).encode()
        return b'{"ok":true,"n":1}'


async def serve(port: int) -> None:
    """Listen until the process is ended."""
    service = Service()
    async with await asyncio.start_server(service.converse, "127.0.0.1", port, backlog=2000) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
