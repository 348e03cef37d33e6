"""Request bodies are bounded in size and time."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request

from perdure.api.bodies import read_body
from perdure.api.refusals import Refusal


def request(parts: AsyncIterator[bytes], headers: dict[str, str] | None = None) -> Request:
    async def receive() -> dict[str, Any]:
        try:
            return {"type": "http.request", "body": await anext(parts), "more_body": True}
        except StopAsyncIteration:
            return {"type": "http.request", "body": b"", "more_body": False}

    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


async def some(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def endless(part: bytes) -> AsyncIterator[bytes]:
    while True:
        yield part


async def stuck() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.Event().wait()


async def test_a_body_may_be_compressed_and_is_not_decompressed_beyond_its_limit() -> None:
    headers = {"content-encoding": "gzip"}
    small, bomb = gzip.compress(b"abc"), gzip.compress(b"x" * 10_000_000)

    assert await read_body(request(some(small), headers), limit=100, may_be_gzip=True) == b"abc"
    for body, status in ((bomb, 413), (small[:-1], 400), (small + b"x", 400), (b"abc", 400)):
        with pytest.raises(Refusal) as refusal:
            await read_body(request(some(body), headers), limit=20_000, may_be_gzip=True)
        assert refusal.value.status == status


async def test_a_body_is_read_whole() -> None:
    assert await read_body(request(some(b"ab", b"", b"c")), limit=3) == b"abc"


@pytest.mark.parametrize(
    ("parts", "headers", "status"),
    [
        (some(b"abcd"), {}, 413),
        (endless(b"x" * 1000), {}, 413),
        (stuck(), {"content-length": "4"}, 413),
        (stuck(), {}, 408),
        (some(b"a"), {"content-encoding": "gzip"}, 415),
        (some(b"a"), {"content-encoding": "br"}, 415),
    ],
)
async def test_a_body_that_cannot_be_taken_is_refused(
    parts: AsyncIterator[bytes], headers: dict[str, str], status: int
) -> None:
    with pytest.raises(Refusal) as refusal:
        await read_body(request(parts, headers), limit=3, seconds=0.05)
    assert refusal.value.status == status
