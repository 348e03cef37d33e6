"""A request to a platform of the v2 protocol, and the reply to it."""

from __future__ import annotations

from urllib.parse import quote

from msgspec import Struct


class WireRequest(Struct, frozen=True):
    """What a platform is asked: a path, percent-encoded, and a body of that type.

    ``on_line``: whether it is a batch of tasks, and goes by the line for them if the platform opens one.
    """

    method: str
    path: str
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"
    on_line: bool = False


class WireReply(Struct, frozen=True):
    """What it answered; ``is_native``: whether it is a platform of perdure's."""

    status: int
    body: bytes
    is_native: bool


def quoted(segment: str) -> str:
    """Write a segment of a path."""
    return segment.replace(".", "%2E") if segment in (".", "..") else quote(segment, safe="")
