"""Bodies as aiohttp takes them without a warning: large ones as files, of which it sends piece by piece."""

from __future__ import annotations

from io import BytesIO
from typing import Final

_LARGE: Final = 1024 * 1024


def sent_body(body: bytes | None) -> bytes | BytesIO | None:
    """Give what is to be sent to aiohttp."""
    return BytesIO(body) if body is not None and len(body) > _LARGE else body
