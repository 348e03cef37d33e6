"""Memory of a process that sends many requests, or meets hostile answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sys
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Literal

import psutil
import pytest

from perdure.errors import FetchTimeoutError
from perdure.protocol.outbound import OutboundRequest
from perdure.transport.handler import READ_SIZE
from tests.transport.certificates import Authority
from tests.transport.hostile import LARGE, PEERS, says
from tests.transport.sending import sending
from tests.transport.server import Received, response, serving

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """Let this process, which serves, open as many sockets as the other one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.asynccontextmanager
async def requesting(
    urls: list[str], *, at_once: int, timeout: float, **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Request URLs in another process, with some settings in its environment, the first one alone to warm it up."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.transport.programs.requests", str(at_once), str(timeout)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **settings},
    )
    assert program.stdin is not None
    program.stdin.write("\n".join(urls).encode())
    program.stdin.close()
    yield program
    assert await program.wait() == 0


async def measure(urls: list[str], *, at_once: int, timeout: float) -> dict[str, Any]:
    """Request URLs in another process, and give what it prints."""
    async with requesting(urls, at_once=at_once, timeout=timeout) as program:
        return await printed_by(program)


async def printed_by(program: asyncio.subprocess.Process) -> dict[str, Any]:
    """Wait for what the program prints in the end."""
    assert program.stdout is not None
    return json.loads(await program.stdout.read())  # type: ignore[no-any-return]


async def test_answers_that_are_too_large_take_no_memory() -> None:
    peers = {f"/{index}": peer for index, (peer, expected) in enumerate(PEERS.values()) if expected == LARGE}

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        await peers.get(received.target, says(response()))(received, writer)

    async with serving(answer) as server:
        urls = [f"{server.origin}/first", *(server.origin + path for path in peers)]
        measured = await measure(urls, at_once=1, timeout=60)
    assert measured["outcomes"] == {LARGE: len(peers)}
    assert measured["peak"] - measured["before"] < 64 * MIB


async def test_a_thousand_requests_are_in_flight_within_100_mib() -> None:
    arrived = 0
    all_are_here, may_answer = asyncio.Event(), asyncio.Event()

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        if received.target != "/first":
            arrived += 1
            if arrived == 1000:
                all_are_here.set()
            await may_answer.wait()
        writer.write(response(b"x" * 1000))
        await writer.drain()

    async with serving(answer) as server:
        urls = [f"{server.origin}/first", *[f"{server.origin}/"] * 1000]
        async with requesting(urls, at_once=1000, timeout=120) as program:
            await asyncio.wait_for(all_are_here.wait(), 60)
            memory = psutil.Process(program.pid).memory_info().rss
            may_answer.set()
            assert (await printed_by(program))["outcomes"] == {"200": 1000}
    assert memory < 100 * MIB


async def test_connections_over_tls_take_little_memory_also_while_they_are_made(tmp_path: Path) -> None:
    authority, count = Authority(tmp_path), 200

    async with serving(response(b"{}"), tls=authority.server("127.0.0.1")) as server:
        urls = [f"https://127.0.0.1:{server.port}/"] * (count + 1)
        async with requesting(urls, at_once=count, timeout=60, SSL_CERT_FILE=str(authority.file)) as program:
            measured = await printed_by(program)
    assert measured["outcomes"] == {"200": count}
    assert (measured["peak"] - measured["before"]) / count < 0.12 * MIB


async def test_a_tls_connection_keeps_no_large_buffer(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    arrived = asyncio.Event()

    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.Event().wait()

    async with (
        serving(answer, tls=authority.server("127.0.0.1")) as server,
        sending(tls=authority.client()) as outbound,
    ):
        request = OutboundRequest("GET", f"https://127.0.0.1:{server.port}/")
        sent = asyncio.create_task(outbound.request(request))
        await arrived.wait()
        (handler,) = outbound._exchange._session.connector._acquired  # type: ignore[union-attr]
        assert len(handler.transport._ssl_protocol._ssl_buffer) <= READ_SIZE  # type: ignore[union-attr]
        sent.cancel()
        await asyncio.wait([sent])


class CountedTurns(asyncio.Semaphore):
    """Counts how many have a turn at once."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.taken = self.most = 0

    async def acquire(self) -> Literal[True]:
        await super().acquire()
        self.taken += 1
        self.most = max(self.most, self.taken)
        return True

    def release(self) -> None:
        self.taken -= 1
        super().release()


@pytest.mark.parametrize(("size", "most"), [(1_000_000, 3), (60_000, 0)], ids=["large", "small"])
async def test_large_bodies_take_turns_and_small_ones_need_none(size: int, most: int) -> None:
    async with serving(response(bytes(size))) as server, sending() as outbound:
        turns = outbound._open()._large_bodies = CountedTurns(3)
        requests = (outbound.request(OutboundRequest("GET", server.origin)) for _ in range(20))
        answered = await asyncio.gather(*requests)
    assert [len(response.body) for response in answered] == [size] * 20
    assert (turns.most, turns.taken) == (most, 0)


async def test_a_turn_ends_with_its_request() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    answers = {"/stalls": head + bytes(900_000), "/ends": response(bytes(900_000))}
    async with serving(answers) as server, sending() as outbound:
        turns = outbound._open()._large_bodies = CountedTurns(1)
        with pytest.raises(FetchTimeoutError):
            await outbound.request(OutboundRequest("GET", f"{server.origin}/stalls", timeout=0.2))
        answered = await outbound.request(OutboundRequest("GET", f"{server.origin}/ends"))
    assert (len(answered.body), turns.most, turns.taken) == (900_000, 1, 0)
