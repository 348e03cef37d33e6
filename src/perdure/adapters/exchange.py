"""A request and its answer, whatever framework they came through."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

BODY_LIMIT = 16 * 1024 * 1024
"""How many bytes the body of a request may have."""

DEFAULT_PATH = "/api/trigger"
"""Under which path an app takes what a server asks of it."""


class AppRequest(Struct, frozen=True):
    """What a server asks.

    Attributes:
        method: The HTTP method.
        headers: Their names are in lower case.
        body: The body as it came.
        time_left_ms: How many milliseconds the answer may take, if the host of the app says so.
    """

    method: str
    headers: Mapping[str, str]
    body: bytes = b""
    time_left_ms: float | None = None


class AppAnswer(Struct, frozen=True):
    """What it is answered; a body is JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
"""What is handed on; an app does only what is asked by POST, and says so."""

TOO_LARGE = AppAnswer(413, {"content-type": "application/json"}, b'{"message":"The body of the request is too large."}')
