"""The line that batches go by: frames in any pieces, and what an app makes of servers that are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.protocol.signing import SIGNED_ID_HEADER
from perdure.protocol.task_line import (
    FrameReader,
    LineFrameError,
    answer_frame,
    batch_frame,
    line_secret,
    notice_frame,
    read_answer,
    read_batch,
    read_notice,
)
from perdure.transport.line_connection import LineError
from perdure.transport.signer import Signer
from perdure.transport.task_line import NoLineError, TaskLine

OPEN = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: perdure-tasks\r\n\r\n"
SECRET = line_secret("key", "msg_1")


@given(batches=st.lists(st.binary(max_size=200), min_size=1, max_size=4), cuts=st.lists(st.integers(1, 90)))
def test_frames_come_whole_in_whatever_pieces(batches: list[bytes], cuts: list[int]) -> None:
    reader = FrameReader(1000)
    for number, batch in enumerate(batches):
        left, found = batch_frame(SECRET, number, batch), None
        for cut in [*cuts, len(left)]:
            if left:
                assert found is None
                found = reader.feed(left[:cut])
                left = left[cut:]
        assert found is not None
        assert read_batch(SECRET, number, found) == batch


@given(bodies=st.lists(st.binary(max_size=200), max_size=6), cuts=st.lists(st.integers(1, 90)))
def test_frames_that_follow_one_another_come_whole_and_in_their_order(bodies: list[bytes], cuts: list[int]) -> None:
    reader, found = FrameReader(1000), list[bytes]()
    left = b"".join(notice_frame(SECRET, number, body) for number, body in enumerate(bodies))
    for cut in [*cuts, len(left)]:
        found += reader.feed_all(left[:cut])
        left = left[cut:]
    told = [read_notice(SECRET, number, read_answer(frame)[1]) for number, frame in enumerate(found)]
    assert told == bodies


@given(status=st.integers(100, 599), body=st.binary(max_size=50), reset=st.integers(0, 2**53))
def test_an_answer_is_read_as_it_was_written(status: int, body: bytes, reset: int) -> None:
    frame = FrameReader(1000).feed(answer_frame(status, body, reset=reset))
    assert frame is not None
    assert read_answer(frame) == (status, body, reset)


@pytest.mark.parametrize(
    ("secret", "number", "cut"), [(SECRET, 1, 0), (line_secret("key", "msg_2"), 0, 0), (SECRET, 0, 1), (SECRET, 0, 99)]
)
def test_a_frame_is_signed_in_its_turn_for_its_line_and_whole(secret: bytes, number: int, cut: int) -> None:
    frame = batch_frame(SECRET, 0, b"batch")[4:]
    with pytest.raises(LineFrameError):
        read_batch(secret, number, frame[cut:])


@pytest.mark.parametrize("data", [b"\0\0\4\0", b"\0\0\0\1ab", b"\0\0\0\0a"])
def test_a_frame_that_is_too_long_or_not_alone_is_none(data: bytes) -> None:
    with pytest.raises(LineFrameError):
        FrameReader(1000).feed(data)


@asynccontextmanager
async def line(
    *answers: bytes | Callable[[bytes], bytes], base: str = "/base", told: Callable[[bytes], None] | None = None
) -> AsyncIterator[tuple[TaskLine, list[bytes]]]:
    """A line to a server that gives one of these on each connection: a part when asked, the rest at the first frame."""
    left, heads, at_work = list(answers), list[bytes](), set[asyncio.Task[None]]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            says = left.pop(0)
            signed = heads[-1].split(SIGNED_ID_HEADER.encode() + b": ", 1)[-1].split(b"\r\n")[0]
            said = OPEN + says(line_secret("key", signed.decode())) if callable(says) else says
            head, divider, rest = said.partition(b"\r\n\r\n")
            writer.write(head + divider)
            if rest:
                await reader.readexactly(4)
                writer.write(rest)
            await reader.read()
        writer.close()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_work.add(asyncio.ensure_future(answer(reader, writer)))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}{base}"
        made = TaskLine(url, {"Who": "me"}, Signer("key", is_signing=True), limit=1000, told=told)
        try:
            yield made, heads
        finally:
            made.close()
            await asyncio.gather(*at_work)


async def test_a_line_is_asked_for_under_the_url_of_its_server() -> None:
    async with line(OPEN + answer_frame(200, b"ok")) as (made, heads):
        answer = await made.ask(b"batch", seconds=10)
        assert (answer.status, answer.body, answer.reset) == (200, b"ok", 0)
        assert heads[0].startswith(b"POST /base/api/task-line HTTP/1.1\r\n")
        wanted = (b"Who: me\r\n", b"Upgrade: perdure-tasks\r\n", b"webhook-signature: v1,")
        assert all(one in heads[0] for one in wanted)


async def test_a_url_is_named_in_ascii() -> None:
    async with line(OPEN + answer_frame(200, b"ok"), base="/дом") as (made, heads):
        assert (await made.ask(b"batch", seconds=10)).body == b"ok"
        assert heads[0].startswith(b"POST /%D0%B4%D0%BE%D0%BC/api/task-line HTTP/1.1\r\n")


@pytest.mark.parametrize("answer", [b"220 smtp.example.com ready\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000])
async def test_what_does_not_answer_an_opening_as_http_is_no_line(answer: bytes) -> None:
    async with line(answer, OPEN + answer_frame(200, b"ok")) as (made, _):
        with pytest.raises(NoLineError, match="no answer"):
            await made.ask(b"batch", seconds=10)
        assert (await made.ask(b"batch", seconds=10)).body == b"ok"


@pytest.mark.parametrize("status", [200, 404, 426, 503])
async def test_a_server_that_opens_no_line_says_so(status: int) -> None:
    async with line(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status) as (made, _):
        with pytest.raises(NoLineError) as refused:
            await made.ask(b"batch", seconds=10)
        assert refused.value.status == status


@pytest.mark.parametrize(
    "answer",
    [
        OPEN + b"\xff\xff\xff\xff",
        OPEN + b"\0\0\0\2ok",
        OPEN + answer_frame(200, b"ok") * 2,
    ],
)
async def test_an_answer_that_is_none_fails_and_the_next_batch_goes_by_another_line(answer: bytes) -> None:
    async with line(answer, OPEN + answer_frame(200, b"ok")) as (made, _):
        with pytest.raises(LineError):
            await made.ask(b"batch", seconds=10)
        assert (await made.ask(b"batch", seconds=10)).body == b"ok"


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    async with line(OPEN, OPEN + answer_frame(200, b"ok")) as (made, _):
        with pytest.raises(LineError, match="too long"):
            await made.ask(b"batch", seconds=0.01)
        assert (await made.ask(b"batch", seconds=10)).body == b"ok"


async def test_whoever_is_not_there_is_an_error_of_the_system() -> None:
    async with line() as (made, _):
        pass
    with pytest.raises(OSError, match=r"\d"):
        await made.ask(b"batch", seconds=10)


async def test_notices_come_beside_answers_and_are_none() -> None:
    told: list[bytes] = []

    def says(secret: bytes) -> bytes:
        notices = [notice_frame(secret, number, b"%d" % number) for number in range(3)]
        return notices[0] + notices[1] + answer_frame(200, b"ok") + notices[2]

    async with line(says, told=told.append) as (made, heads):
        assert (await made.ask(b"batch", seconds=10)).body == b"ok"
        assert told == [b"0", b"1", b"2"]
        assert made.connection() is not None
    assert b"\r\nPerdure-Notices: 1\r\n" in heads[0]


@pytest.mark.parametrize(
    "says",
    [
        lambda _: notice_frame(SECRET, 0, b"by somebody else"),
        lambda secret: notice_frame(secret, 1, b"not the next one"),
        lambda _: answer_frame(100, b"not signed"),
    ],
)
async def test_a_notice_that_is_not_of_the_server_ends_the_line_and_is_not_heard(
    says: Callable[[bytes], bytes],
) -> None:
    told: list[bytes] = []
    async with line(says, told=told.append) as (made, _):
        with pytest.raises(LineError, match="not signed by the server"):
            await made.ask(b"batch", seconds=10)
        assert made.connection() is None
    assert told == []


async def test_an_app_that_takes_no_notices_does_not_ask_for_them() -> None:
    async with line(OPEN + answer_frame(200, b"ok")) as (made, heads):
        await made.ask(b"batch", seconds=10)
    assert b"perdure-notices" not in heads[0].lower()
