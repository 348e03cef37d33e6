"""Reading a request's body: bounded in size and time."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from perdure.api.refusals import Refusal
from perdure.api.request import ApiRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

_CLOSE = {"Connection": "close"}
"""For a body that nobody will wait for: its sender may learn of a reset, and not of the answer."""

_GZIP = 16 + zlib.MAX_WBITS
_FAR_TOO_LARGE = 64 * 1024 * 1024

READ_SECONDS = 30.0
"""How long a request may take to arrive."""


async def read_body(request: Request, *, limit: int, seconds: float = READ_SECONDS, may_be_gzip: bool = False) -> bytes:
    """Read a request's body whole.

    Args:
        request: The request.
        limit: How many bytes it may have, also when it is decompressed.
        seconds: How long it may take to arrive.
        may_be_gzip: Whether it is decompressed if it says that it is to be.

    Raises:
        Refusal: It is encoded otherwise, too large, too slow, or breaks off.
    """
    whole = request.whole if isinstance(request, ApiRequest) else None
    if whole is not None:
        if len(whole) > limit:
            raise _too_large(limit)
        return whole
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    is_gzip = may_be_gzip and encoding in ("gzip", "x-gzip")
    if encoding != "identity" and not is_gzip:
        ways = "with gzip, or without a Content-Encoding" if may_be_gzip else "without a Content-Encoding"
        raise Refusal(415, "unsupported_encoding", f"Send the body {ways}.")
    body = await _read(request, limit=limit, seconds=seconds)
    return _decompress(body, limit) if is_gzip else body


def _decompress(body: bytes, limit: int) -> bytes:
    """Decompress a body, and no more of it than it may have: a small one may hold gigabytes."""
    decompressor = zlib.decompressobj(wbits=_GZIP)
    try:
        data = decompressor.decompress(body, limit + 1)
    except zlib.error as error:
        raise Refusal(400, "bad_request", "The body is not what its Content-Encoding says.") from error
    if len(data) > limit:
        raise Refusal(413, "payload_too_large", f"The body may have {limit:,} bytes at most, decompressed.")
    if not decompressor.eof or decompressor.unused_data:
        raise Refusal(400, "bad_request", "The body is not what its Content-Encoding says.")
    return data


async def _read(request: Request, *, limit: int, seconds: float) -> bytes:
    announced = _announced(request)
    if announced > limit:
        raise _too_large(limit, headers=_CLOSE if announced > _FAR_TOO_LARGE else None)
    return await _read_parts(request, limit, seconds)


async def _read_parts(request: Request, limit: int, seconds: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                parts.append(part)
    except TimeoutError:
        sentence = f"The body did not arrive within {seconds:g} seconds."
        raise Refusal(408, "request_timeout", sentence, headers=_CLOSE) from None
    except ClientDisconnect:
        raise Refusal(400, "bad_request", "The body broke off.") from None
    return b"".join(parts)


def _too_large(limit: int, *, headers: Mapping[str, str] | None = None) -> Refusal:
    return Refusal(413, "payload_too_large", f"The body may have {limit:,} bytes at most.", headers=headers)


def _announced(request: Request) -> int:
    """Give the length that a request says its body has; 0 if it says none."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else 0
