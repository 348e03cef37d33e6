"""Requests from outside, handed on to an app behind a URL (v2 protocol, sections 3.9 to 3.11)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from perdure.errors import FetchFailedError, JsonError
from perdure.protocol.messages.codec import MessageShapeError, decode_message
from perdure.protocol.messages.delivery import NormalizedResponse
from perdure.protocol.received import GivenResponse

if TYPE_CHECKING:
    from msgspec import Raw

    from perdure.protocol.received import ReceivedRequest

BODY_LIMIT: Final = 3 * 1024 * 1024
"""How many bytes the body may have that an app answers a sender with."""

HEADERS_LIMIT: Final = 32 * 1024
"""How many bytes the headers may have that it answers with."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# They belong to the connection, or would be taken for this server's own.
_NOT_GIVEN: Final = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "proxy-authenticate", "set-cookie",
     "strict-transport-security", "te", "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip


def delivered(request: ReceivedRequest) -> dict[str, Any]:
    """Give the members that every delivery of a request has."""
    return {"http_url": request.url, "http_method": request.method, "http_headers": request.headers}


def response_of(body: bytes) -> GivenResponse:
    """Read how an app answers a request.

    Raises:
        FetchFailedError: It does not say it.
    """
    try:
        said = decode_message(body, NormalizedResponse)
    except (JsonError, MessageShapeError) as error:
        raise FetchFailedError("Could not parse response from client") from error
    if not 200 <= said.status <= 599:
        raise FetchFailedError("Could not parse response from client")
    headers = {} if said.headers is UNSET else said.headers
    given = GivenResponse(said.status, given_headers(headers.items()), b"" if said.body is UNSET else _text(said.body))
    if len(given.body) > BODY_LIMIT:
        raise FetchFailedError(f"The response from the app has a body of more than {BODY_LIMIT // 1024**2} MiB")
    # A proxy between this server and the sender would answer 502 in its place.
    if sum(len(name) + len(value) + 4 for name, value in given.headers) > HEADERS_LIMIT:
        raise FetchFailedError(f"The response from the app has more than {HEADERS_LIMIT // 1024} KiB of headers")
    return given


def given_headers(headers: Any) -> tuple[tuple[str, str], ...]:
    """Leave out the headers of a response that are not the app's to give."""
    return tuple(
        (name, value)
        for name, value in headers
        if _TOKEN.fullmatch(name) and not _CONTROL.search(value) and name.lower() not in _NOT_GIVEN
    )


def _text(body: Raw) -> bytes:
    text = bytes(body)
    if text == b"null":
        return b""
    return decode_message(text, str).encode() if text.startswith(b'"') else text
