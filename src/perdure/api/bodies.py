"""Reading a request's body: bounded in size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from perdure.api.refusals import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

_CLOSE = {"Connection": "close"}
"""For a body that nobody will wait for: its sender may learn of a reset, and not of the answer."""

_FAR_TOO_LARGE = 64 * 1024 * 1024

READ_SECONDS = 30.0
"""How long a request may take to arrive."""


async def read_body(request: Request, *, limit: int, seconds: float = READ_SECONDS) -> bytes:
    """Read a request's body whole.

    Args:
        request: The request.
        limit: How many bytes it may have.
        seconds: How long it may take to arrive.

    Raises:
        Refusal: It is encoded, too large, too slow, or breaks off.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise Refusal(415, "unsupported_encoding", "Send the body without a Content-Encoding.")
    announced = _announced(request)
    sentence = f"The body may have {limit:,} bytes at most."
    too_large = Refusal(413, "payload_too_large", sentence, headers=_CLOSE if announced > _FAR_TOO_LARGE else None)
    if announced > limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        sentence = f"The body did not arrive within {seconds:g} seconds."
        raise Refusal(408, "request_timeout", sentence, headers=_CLOSE) from None
    except ClientDisconnect:
        raise Refusal(400, "bad_request", "The body broke off.") from None
    return b"".join(parts)


def _announced(request: Request) -> int:
    """Give the length that a request says its body has; 0 if it says none."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else 0
