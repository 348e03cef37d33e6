"""Bytes that a server makes up are an answer or a typed failure, never anything else."""

from __future__ import annotations

import asyncio
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.errors import BlockedAddressError, FetchFailedError, ResponseTooLargeError
from perdure.protocol.outbound import RESPONSE_BODY_LIMIT, OutboundResponse
from perdure.transport.body import RATIO_FLOOR, RATIO_LIMIT, BodyReader
from tests.transport.hostile import says_and_leaves
from tests.transport.sending import fetch
from tests.transport.server import serving

LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 404 \r\n",
        b"HTTP/1.1 302 Found\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: 0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Content-Encoding: deflate\r\n",
        b"Connection: close\r\n",
        b"Connection: upgrade\r\nUpgrade: x\r\n",
        b"Location: /\r\n",
        b"Location: http://10.0.0.1/\r\n",
        b"Set-Cookie: a=b; Max-Age=x\r\n",
        b"X: \xff\xfe\r\n",
        b" folded\r\n",
        b"\r\n",
        b"\n",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"abc",
        zlib.compress(b"abc"),
        b"\x1f\x8b\x08",
    ]
)
ANSWERS = st.lists(st.one_of(LINES, LINES, LINES, st.binary(max_size=9)), max_size=9).map(b"".join)


@settings(max_examples=60, deadline=None)
@given(ANSWERS)
def test_an_answer_is_read_or_refused(answer: bytes) -> None:
    asyncio.run(_fetch_from(answer))


async def _fetch_from(answer: bytes) -> None:
    async with serving(says_and_leaves(answer)) as server:
        try:
            answered = await fetch(server.origin, timeout=60)
        except (FetchFailedError, BlockedAddressError):
            return
    assert isinstance(answered, OutboundResponse)
    assert all(name == name.lower() for name, _ in answered.headers)


def _read(encoding: str, data: bytes) -> bytes:
    reader = BodyReader(encoding)
    reader.feed(data)
    return reader.finish()


class Compressed:
    """A body, its encoding, and its bytes as they come in."""

    def __init__(self, encoding: str, body: bytes, pieces: list[bytes]) -> None:
        self.encoding, self.body, self.pieces = encoding, body, pieces

    def __repr__(self) -> str:
        return f"{self.encoding} of {len(self.body)} bytes in {[len(piece) for piece in self.pieces]}"


@st.composite
def compressed_bodies(draw: st.DrawFn) -> Compressed:
    """Draw a body and how it is compressed and cut."""
    body = draw(st.one_of(st.binary(max_size=2000), st.integers(0, 300_000).map(bytes)))
    encoding, window = draw(st.sampled_from([("gzip", 31), ("deflate", 15), ("deflate", -15)]))
    compressor = zlib.compressobj(draw(st.sampled_from([0, 1, 9])), wbits=window)
    data = compressor.compress(body) + compressor.flush()
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=5)))
    pieces = [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return Compressed(encoding, body, [piece for piece in pieces if piece])


@settings(deadline=None)
@given(compressed_bodies())
def test_a_body_is_decompressed_however_it_comes_in(drawn: Compressed) -> None:
    reader = BodyReader(drawn.encoding)
    try:
        for piece in drawn.pieces:
            reader.feed(piece)
    except ResponseTooLargeError:
        assert len(drawn.body) > max(RATIO_FLOOR, RATIO_LIMIT * len(drawn.pieces[0]))
        return
    assert reader.finish() == drawn.body


@settings(deadline=None)
@given(compressed_bodies(), st.data())
def test_a_body_that_is_cut_off_is_refused(drawn: Compressed, data: st.DataObject) -> None:
    whole = b"".join(drawn.pieces)
    with pytest.raises(FetchFailedError):
        _read(drawn.encoding, whole[: data.draw(st.integers(1, len(whole) - 1))])


@given(st.sampled_from(["gzip", "deflate"]), st.binary(min_size=1, max_size=200))
def test_bytes_that_are_not_compressed_are_refused_or_read(encoding: str, data: bytes) -> None:
    try:
        body = _read(encoding, data)
    except FetchFailedError:
        return
    assert len(body) <= RESPONSE_BODY_LIMIT
