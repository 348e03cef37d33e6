"""What is sent is what was asked for, and what comes back is what was answered."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib
from random import Random

import pytest

from perdure.protocol.outbound import OutboundRequest, OutboundResponse
from tests.transport.sending import fetch, sending
from tests.transport.server import response, serving


async def test_a_request_is_sent_as_it_was_given_and_answered_in_full() -> None:
    answer = response(b'{"ok":true}', status="201 Created", headers={"X-Two": "a", "Content-Type": "application/json"})
    async with serving(answer) as server:
        answered = await fetch(
            f"{server.origin}/a b?q=ü&x=%20#fragment",
            method="post",
            headers=(("X-One", "1"), ("Authorization", "Bearer t")),
            body=b"hello",
        )
    (received,) = server.requests
    assert (received.method, received.target, received.body) == ("POST", "/a%20b?q=%C3%BC&x=%20", b"hello")
    assert received.headers == {
        "host": f"127.0.0.1:{server.port}",
        "x-one": "1",
        "authorization": "Bearer t",
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "user-agent": "perdure",
        "content-length": "5",
    }
    assert answered == OutboundResponse(
        201,
        (("content-length", "11"), ("x-two", "a"), ("content-type", "application/json")),
        b'{"ok":true}',
    )


async def test_headers_that_would_be_added_can_be_given() -> None:
    given = (("User-Agent", "mine"), ("accept-encoding", "identity"), ("Accept", "text/html"))
    async with serving(response()) as server:
        await fetch(server.origin, headers=given)
    sent = server.requests[0].headers
    assert (sent["user-agent"], sent["accept-encoding"], sent["accept"]) == ("mine", "identity", "text/html")


async def test_answers_that_are_failures_are_answers() -> None:
    async with serving(response(b"gone", status="410 Gone")) as server:
        answered = await fetch(server.origin)
    assert (answered.status, answered.body) == (410, b"gone")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_without_a_body_is_complete_at_once(status: str) -> None:
    async with serving(f"HTTP/1.1 {status}\r\nContent-Encoding: gzip\r\n\r\n".encode()) as server:
        assert (await fetch(server.origin)).body == b""


async def test_the_answer_to_head_has_no_body_whatever_its_headers_say() -> None:
    answer = response(status="200 OK", headers={"Content-Length": "99999999", "Content-Encoding": "br"})
    async with serving(answer) as server:
        assert await fetch(server.origin, method="HEAD") == OutboundResponse(
            200, (("content-length", "99999999"), ("content-encoding", "br")), b""
        )


COMPRESSED = {
    "gzip": gzip.compress(b"text" * 100),
    "x-gzip": gzip.compress(b"text" * 100),
    "GZIP": gzip.compress(b"text" * 50) + gzip.compress(b"text" * 50),
    "deflate": zlib.compress(b"text" * 100),
    "identity": b"text" * 100,
}


@pytest.mark.parametrize("encoding", COMPRESSED)
async def test_a_compressed_body_is_decompressed(encoding: str) -> None:
    async with serving(response(COMPRESSED[encoding], headers={"Content-Encoding": encoding})) as server:
        assert (await fetch(server.origin)).body == b"text" * 100


# Bytes are decompressed in pieces of 64 KiB, and what follows a full one must not be forgotten.
@pytest.mark.parametrize("size", [1, 400, *range(65_535, 65_541), 131_073])
@pytest.mark.parametrize("level", [1, 9])
async def test_deflate_without_the_header_of_zlib_is_decompressed(size: int, level: int) -> None:
    # Digits do not compress well, and keep the ratio within its limit; zeros end in the middle of a long match.
    body = (Random(7).randbytes(20_000).hex().encode() + bytes(size))[:size]
    compressor = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    raw = compressor.compress(body) + compressor.flush()
    async with serving(response(raw, headers={"Content-Encoding": "deflate"})) as server:
        assert (await fetch(server.origin)).body == body


async def test_a_connection_is_used_again() -> None:
    async with serving(response(b"1")) as server, sending() as outbound:
        for _ in range(5):
            await outbound.request(OutboundRequest("POST", server.origin, body=b"x"))
    assert (len(server.requests), server.connections) == (5, 1)


async def test_what_is_read_over_one_connection_is_counted_for_each_answer() -> None:
    async with serving(response(bytes(3_000_000))) as server, sending() as outbound:
        for _ in range(4):
            assert len((await outbound.request(OutboundRequest("GET", server.origin))).body) == 3_000_000
    assert server.connections == 1


async def test_cookies_are_not_kept() -> None:
    async with serving(response(headers={"Set-Cookie": "a=b; Path=/"})) as server, sending() as outbound:
        for host in ("127.0.0.1", "127.0.0.1", "localhost"):
            await outbound.request(OutboundRequest("GET", f"http://{host}:{server.port}/"))
    assert [received.headers.get("cookie") for received in server.requests] == [None, None, None]


def test_the_client_is_not_loaded_before_the_first_request() -> None:
    program = (
        "import sys; from perdure.transport.outbound import Outbound; Outbound(allow_loopback=True);"
        "sys.exit('aiohttp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
