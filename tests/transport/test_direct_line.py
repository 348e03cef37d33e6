"""The connection that batches of tasks go by: what it makes of answers, whole or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from perdure.transport.direct_line import DirectLine, LineError, LineReply
from tests.transport.bare import requests_on

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nPerdure-Version: 1\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
LAST = b"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
EARLY = b"HTTP/1.1 100 Continue\r\n\r\n" + OK


class Server:
    """Answers each request with the next of these, and notes what came; ``b""``: says nothing."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = ""
        self.at_work: set[asyncio.Task[None]] = set()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.at_work.add(asyncio.ensure_future(self.answer(reader, writer)))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for head, body in requests_on(reader):
            self.requests.append(head + body)
            answer = self.answers.pop(0)
            # In two parts: what has come is not all that comes.
            for part in (answer[:20], answer[20:]):
                writer.write(part)
                await writer.drain()
            if answer == LAST or (answer and answer not in (OK, CHUNKED, EARLY)):
                break
        writer.close()


@asynccontextmanager
async def line(*answers: bytes) -> AsyncIterator[tuple[DirectLine, Server]]:
    server = Server(list(answers))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/base"
        made = DirectLine(server.url, {"Who": "me"}, limit=1000)
        try:
            yield made, server
        finally:
            made.close()
            await asyncio.gather(*server.at_work)


async def post(made: DirectLine, *, seconds: float = 10.0) -> LineReply:
    return await made.post("/path", b"body", {"Key": "k"}, seconds=seconds)


async def test_requests_go_by_one_connection_while_it_lasts() -> None:
    async with line(OK, CHUNKED, EARLY, LAST, OK) as (made, server):
        assert (await post(made)).body == b"ok"
        assert (await post(made)).body == b"abcde"
        assert (await post(made)).headers["perdure-version"] == "1"
        assert server.connections == 1
        assert (await post(made)).status == 503
        assert (await post(made)).status == 200
        assert server.connections == 2
        first = server.requests[0]
        assert first.startswith(b"POST /base/path HTTP/1.1\r\n")
        assert first.endswith(b"\r\n\r\nbody")
        assert all(one in first for one in (b"Host: 127.0.0.1:", b"Who: me\r\n", b"Key: k\r\n"))


@pytest.mark.parametrize(
    "answer",
    [
        b"220 smtp.example.com ready and willing\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nnot all of it",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2000,
    ],
)
async def test_an_answer_that_is_none_fails_and_the_next_request_goes_by_another_connection(answer: bytes) -> None:
    async with line(answer, OK) as (made, _):
        with pytest.raises(LineError):
            await post(made)
        assert (await post(made)).body == b"ok"


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    async with line(b"", OK) as (made, server):
        with pytest.raises(LineError, match="too long"):
            await post(made, seconds=0.01)
        assert (await post(made)).body == b"ok"
        assert server.connections == 2


async def test_whoever_is_not_there_is_an_error_of_the_system() -> None:
    async with line() as (made, _):
        pass
    with pytest.raises(OSError, match=r"\d"):
        await post(made)
