"""Python's HTTP clients posting 1 KB to the quickest server, one request at a time and 16 at once."""

from __future__ import annotations

import asyncio
import statistics
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import httpcore
import httptools
import httpx
import niquests
import requests
import urllib3
import uvloop

from bench.limits.http_servers import PORT, REQUEST, SERVERS, URL
from bench.limits.rates import emit, measure_rate
from bench.measures import now, summarize_latencies
from bench.processes import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

HEADERS = {"content-type": "application/json"}
SECONDS = 2

Post = Callable[[], Awaitable[Any]] if TYPE_CHECKING else Any


@asynccontextmanager
async def open_aiohttp() -> AsyncIterator[Post]:
    """Post with aiohttp."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as session:

        async def post() -> None:
            async with session.post(URL, data=REQUEST, headers=HEADERS) as response:
                await response.read()

        yield post


@asynccontextmanager
async def open_httpx() -> AsyncIterator[Post]:
    """Post with httpx."""
    async with httpx.AsyncClient() as client:
        yield lambda: client.post(URL, content=REQUEST, headers=HEADERS)


@asynccontextmanager
async def open_httpcore() -> AsyncIterator[Post]:
    """Post with httpcore."""
    async with httpcore.AsyncConnectionPool(max_connections=100) as pool:
        yield lambda: pool.request("POST", URL, headers=HEADERS, content=REQUEST)


@asynccontextmanager
async def open_niquests() -> AsyncIterator[Post]:
    """Post with niquests."""
    async with niquests.AsyncSession() as session:
        yield lambda: session.post(URL, data=REQUEST, headers=HEADERS)


class Connection(asyncio.Protocol):
    """One kept-alive connection under httptools' parser: the floor for a client in Python."""

    def connection_made(self, transport: Any) -> None:
        """Begin to parse."""
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        """Parse."""
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Wake who waits for the answer."""
        self.answered.set_result(None)

    def post(self) -> asyncio.Future[None]:
        """Send the request; the future is done when the answer is complete."""
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        head = f"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(REQUEST)}"
        self.transport.write(head.encode() + b"\r\n\r\n" + REQUEST)
        return self.answered


@asynccontextmanager
async def open_protocol() -> AsyncIterator[Post]:
    """Post over bare connections."""
    loop = asyncio.get_running_loop()
    free = [(await loop.create_connection(Connection, "127.0.0.1", PORT))[1] for _ in range(16)]

    async def post() -> None:
        connection = free.pop()
        await connection.post()
        free.append(connection)

    yield post


CLIENTS: dict[str, Callable[[], AbstractAsyncContextManager[Any]]] = {
    "aiohttp": open_aiohttp,
    "httpx": open_httpx,
    "httpcore": open_httpcore,
    "niquests": open_niquests,
    "protocol": open_protocol,
}


async def measure_client(name: str, loop: str) -> None:
    """Post one at a time, then 16 at once."""
    figures: dict[str, float] = {}
    async with CLIENTS[name]() as post:
        for at_once in (1, 16):
            rates: list[float] = []
            latencies: list[float] = []
            for _ in range(3):
                rates.append(await post_for_a_while(post, at_once, latencies))
            summary = summarize_latencies(latencies)
            figures |= {f"c{at_once}_per_s": statistics.median(rates), f"c{at_once}_p99_ms": summary["p99_ms"]}
    emit(f"http_client_{name}_{loop}", **figures)


async def post_for_a_while(post: Post, at_once: int, latencies: list[float]) -> float:
    """Post for two seconds; add each latency to the list, and return posts a second."""
    start, before = now(), len(latencies)

    async def keep_posting() -> None:
        while (begun := now()) < start + SECONDS:
            await post()
            latencies.append(now() - begun)

    await asyncio.gather(*(keep_posting() for _ in range(at_once)))
    return (len(latencies) - before) / (now() - start)


def measure_blocking_clients() -> None:
    """Post one at a time with clients that block."""
    session, client, pool = requests.Session(), httpx.Client(), urllib3.PoolManager()
    posts: dict[str, Callable[[], Any]] = {
        "requests": lambda: session.post(URL, data=REQUEST, headers=HEADERS).content,
        "httpx_blocking": lambda: client.post(URL, content=REQUEST, headers=HEADERS).content,
        "urllib3": lambda: pool.request("POST", URL, body=REQUEST, headers=HEADERS).data,
    }
    for name, post in posts.items():
        emit(f"http_client_{name}", c1_per_s=measure_rate(post))


def main() -> None:
    """Measure each client."""
    with running(SERVERS["uvicorn_httptools_uvloop"], port=PORT):
        for name in CLIENTS:
            asyncio.run(measure_client(name, "asyncio"))
            uvloop.run(measure_client(name, "uvloop"))
        measure_blocking_clients()


if __name__ == "__main__":
    main()
