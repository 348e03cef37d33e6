"""Answers that nobody should give, and what becomes of each: an error's code, or the status that is read."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final, TypeAlias

from tests.transport.server import Received, response

Peer: TypeAlias = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]

LARGE: Final = "response_too_large"
FAILED: Final = "fetch_failed"
LATE: Final = "fetch_timeout"

_OK: Final = b"HTTP/1.1 200 OK\r\n"
_CHUNKED: Final = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_LIMIT: Final = 3 * 1024 * 1024


def says(answer: bytes) -> Peer:
    """Answer, and keep the connection."""

    async def answering(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return answering


def says_and_leaves(answer: bytes) -> Peer:
    """Answer, and close the connection."""

    async def answering(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    return answering


def resets(answer: bytes) -> Peer:
    """Answer, and break the connection off."""

    async def answering(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.transport.abort()

    return answering


def floods(start: bytes, piece: bytes) -> Peer:
    """Answer without end."""

    async def answering(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return answering


def floods_later(start: bytes, piece: bytes) -> Peer:
    """Answer without end, once what came first was read."""

    async def answering(received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()
        await asyncio.sleep(0.02)
        await floods(b"", piece)(received, writer)

    return answering


def trickles(start: bytes, piece: bytes = b"x") -> Peer:
    """Answer a byte at a time, often enough that each single read is quick."""

    async def answering(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)

    return answering


async def never(_: Received, writer: asyncio.StreamWriter) -> None:
    """Answer nothing, and stay."""
    await asyncio.Event().wait()


def encoded(body: bytes, encoding: str) -> bytes:
    """Write an answer with a compressed body."""
    return response(body, headers={"Content-Encoding": encoding})


def _headers(count: int, size: int) -> bytes:
    return _OK + b"".join(b"X-%d: %s\r\n" % (n, b"x" * size) for n in range(count)) + b"Content-Length: 0\r\n\r\n"


def _chunked(body: bytes, encoding: str) -> bytes:
    head = _CHUNKED[:-2] + f"Content-Encoding: {encoding}\r\n\r\n".encode()
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def _with_long_name(data: bytes) -> bytes:
    # The flag says that a file's name follows the header of ten bytes, up to a zero.
    return data[:3] + b"\x08" + data[4:10] + b"x" * (_LIMIT + 1) + b"\x00" + data[10:]


def _raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


GZIP: Final = gzip.compress(b"text" * 1000)
# Half as long when compressed.
DIGITS: Final = Random(7).randbytes(1_600_000).hex().encode()
BOMB: Final = gzip.compress(bytes(100_000_000))

PEERS: Final[dict[str, tuple[Peer, str | int]]] = {
    # It does not answer, or not in time.
    "never answers": (never, LATE),
    "trickles its status": (trickles(b"HTTP/1.1 200 "), LATE),
    "trickles its headers": (trickles(_OK + b"X: "), LATE),
    "trickles its body": (trickles(_OK + b"Content-Length: 99999\r\n\r\n"), LATE),
    "trickles chunks": (trickles(_CHUNKED, b"1\r\nx\r\n"), LATE),
    "trickles interim answers": (trickles(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), LATE),
    "trickles blank lines": (trickles(b"", b"\r\n"), LATE),
    "stops in its body": (says(_OK + b"Content-Length: 10\r\n\r\nabc"), LATE),
    "stops in a chunk": (says(_CHUNKED + b"5\r\nabc"), LATE),
    "never ends a body without a length": (says(_OK + b"\r\nabc"), LATE),
    # It breaks off.
    "leaves at once": (says_and_leaves(b""), FAILED),
    "resets at once": (resets(b""), FAILED),
    "leaves in its status": (says_and_leaves(b"HTTP/1.1 2"), FAILED),
    "leaves in its headers": (says_and_leaves(_OK + b"X: y\r\n"), FAILED),
    "leaves in its body": (says_and_leaves(_OK + b"Content-Length: 10\r\n\r\nabc"), FAILED),
    "resets in its body": (resets(_OK + b"Content-Length: 10\r\n\r\nabc"), FAILED),
    "leaves before the last chunk": (says_and_leaves(_CHUNKED + b"3\r\nabc\r\n"), FAILED),
    "leaves in its gzip": (says(encoded(GZIP[:-9], "gzip")), FAILED),
    # It does not speak HTTP.
    "speaks garbage": (says(b"\x16\x03\x01\x00\xff\xfe\x00" * 50 + b"\r\n\r\n"), FAILED),
    "speaks HTML only": (says(b"<html>hello</html>\r\n\r\n"), FAILED),
    "speaks HTTP/2": (says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" * 9), FAILED),
    "speaks another protocol": (says(b"220 mail.example ESMTP ready\r\n"), FAILED),
    "has no status": (says(b"HTTP/1.1\r\n\r\n"), FAILED),
    "has a status of letters": (says(b"HTTP/1.1 abc OK\r\n\r\n"), FAILED),
    "has a status of four digits": (says(b"HTTP/1.1 2000 OK\r\n\r\n"), FAILED),
    "has a header without a colon": (says(_OK + b"nonsense\r\n\r\n"), FAILED),
    "has a header with NUL": (says(_OK + b"X: a\x00b\r\n\r\n"), FAILED),
    "has a blank in a header's name": (says(_OK + b"X Y: z\r\n\r\n"), FAILED),
    "has two lengths": (says(_OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), FAILED),
    "has a negative length": (says(_OK + b"Content-Length: -1\r\n\r\n"), FAILED),
    "has a length of letters": (says(_OK + b"Content-Length: abc\r\n\r\n"), FAILED),
    "has a length of 5,000 digits": (says(_OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"), FAILED),
    "has a length and chunks": (says(_CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n0\r\n\r\n"), FAILED),
    "has chunks of garbage": (says(_CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n"), FAILED),
    "has a negative chunk": (says(_CHUNKED + b"-1\r\nabc\r\n0\r\n\r\n"), FAILED),
    "has a chunk of 2^64 bytes": (says(_CHUNKED + b"10000000000000000\r\nabc"), FAILED),
    "has a chunk that is longer than it says": (says(_CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n"), FAILED),
    "has an unknown transfer encoding": (says(_OK + b"Transfer-Encoding: gzip\r\n\r\n" + GZIP), LATE),
    # Its body is not what it says.
    "says br": (says(encoded(b"text", "br")), FAILED),
    "says zstd": (says(encoded(b"text", "zstd")), FAILED),
    "says gzip twice": (says(encoded(gzip.compress(GZIP), "gzip, gzip")), FAILED),
    "says nonsense": (says(encoded(b"text", "\u2713")), FAILED),
    "says gzip and means text": (says(encoded(b"text", "gzip")), FAILED),
    "says deflate and means text": (says(encoded(b"text", "deflate")), FAILED),
    "says gzip and breaks its checksum": (says(encoded(GZIP[:-8] + bytes(8), "gzip")), FAILED),
    "says gzip and goes on with garbage": (says(encoded(GZIP + b"garbage", "gzip")), 200),
    "has ten thousand gzip members": (says(encoded(gzip.compress(b"") * 10_000, "gzip")), FAILED),
    # It is too large.
    "says that it is too large": (says(_OK + b"Content-Length: 99999999999\r\n\r\n"), LARGE),
    "is a byte too large": (says(_CHUNKED + b"300001\r\n" + b"x" * (_LIMIT + 1) + b"\r\n0\r\n\r\n"), LARGE),
    "is as large as it may be": (says(response(b"x" * _LIMIT)), 200),
    "is a byte too large decompressed": (says(_chunked(gzip.compress(DIGITS[: _LIMIT + 1]), "gzip")), LARGE),
    "is as large as it may be decompressed": (says(_chunked(gzip.compress(DIGITS[:_LIMIT]), "gzip")), 200),
    "is too large before it is decompressed": (says(_chunked(_with_long_name(GZIP), "gzip")), LARGE),
    "sends without end": (floods(b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 10_000), LARGE),
    "sends chunks without end": (floods(_CHUNKED, b"3e8\r\n" + b"x" * 1000 + b"\r\n"), LARGE),
    "sends chunks of a byte without end": (floods(_CHUNKED, b"1\r\nx\r\n" * 2000), LARGE),
    "sends a chunk's extension without end": (floods(_CHUNKED + b"1;", b"x" * 10_000), LARGE),
    "sends a chunk's size without end": (floods(_CHUNKED, b"0" * 10_000), LARGE),
    "sends trailers without end": (floods(_CHUNKED + b"0\r\n", b"X: y\r\n" * 100), LARGE),
    "sends trailers without end later": (floods_later(_CHUNKED + b"1\r\nx\r\n0\r\n", b"X: y\r\n" * 100), LARGE),
    "sends a trailer without end later": (floods_later(_CHUNKED + b"1\r\nx\r\n0\r\nX: ", b"x" * 10_000), LARGE),
    "sends chunks without end later": (floods_later(_CHUNKED, b"1\r\nx\r\n" * 2000), LARGE),
    "sends blank chunks without end later": (floods_later(_CHUNKED + b"1;", b"x" * 10_000), LARGE),
    "sends its status without end": (floods(b"HTTP/1.1 200 ", b"x" * 10_000), LARGE),
    "sends a header's name without end": (floods(_OK, b"x" * 10_000), LARGE),
    "sends a header's value without end": (floods(_OK + b"X: ", b"x" * 10_000), LARGE),
    "sends headers without end": (floods(_OK, b"X: y\r\n" * 100), LARGE),
    "sends interim answers without end": (floods(b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 100), LARGE),
    "sends blank lines without end": (floods(b"", b"\r\n" * 5000), LARGE),
    "sends 65 KiB of headers": (says(_headers(65, 1024)), LARGE),
    "sends 63 KiB of headers": (says(_headers(62, 1000)), 200),
    "is a gzip bomb": (says(encoded(BOMB, "gzip")), LARGE),
    "is a deflate bomb": (says(encoded(zlib.compress(bytes(100_000_000), 9), "deflate")), LARGE),
    "is a bomb without zlib's header": (says(encoded(_raw_deflate(bytes(100_000_000)), "deflate")), LARGE),
    "is a small bomb": (says(encoded(gzip.compress(bytes(1_000_000)), "gzip")), LARGE),
    "is a bomb in its second member": (says(encoded(GZIP + BOMB, "gzip")), LARGE),
    "compresses well within reason": (says(encoded(gzip.compress(bytes(65_536)), "gzip")), 200),
    # It answers more than it was asked.
    "switches protocols": (says(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc"), 101),
    "answers twice": (says(response(b"1") + response(b"2")), 200),
    "sends an interim answer first": (says(b"HTTP/1.1 100 Continue\r\n\r\n" + response(b"1")), 200),
    "answers in HTTP/1.0 until it leaves": (says_and_leaves(b"HTTP/1.0 200 OK\r\n\r\nabc"), 200),
}
