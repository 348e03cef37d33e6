"""Requests that perdure sends on behalf of jobs, and what is refused before anything is sent."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from perdure.errors import InvalidArgumentError, InvalidHeaderError, ValueTooLargeError
from perdure.protocol.web_url import WebUrl, parse_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.protocol.egress import EgressPolicy

TIMEOUT_LIMIT: Final = 300.0
"""Seconds that a request may take at most."""

REQUEST_HEADERS_LIMIT: Final = 32 * 1024
"""Bytes that the headers of a request may have together."""

REQUEST_BODY_LIMIT: Final = 3 * 1024 * 1024
"""Bytes that the body of a request may have."""

RESPONSE_HEADERS_LIMIT: Final = 64 * 1024
"""Bytes that the headers of an answer may have together."""

RESPONSE_BODY_LIMIT: Final = 3 * 1024 * 1024
"""Bytes that the body of an answer may have, both as sent and decompressed."""

REDIRECT_LIMIT: Final = 5
"""How many redirects of one request are followed."""

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_METHOD: Final = re.compile(r"[A-Za-z]{1,20}")
_REFUSED_METHODS: Final = frozenset({"CONNECT", "TRACE", "TRACK"})
# What frames the message or belongs to one connection: with these, a request could be made to look like two.
_FORBIDDEN_HEADERS: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Bounds(Struct, frozen=True):
    """How much a request and its answer may be.

    Attributes:
        timeout: Seconds that the request may take at most.
        request_body: Bytes.
        response_body: Bytes, both as sent and decompressed.
    """

    timeout: float = TIMEOUT_LIMIT
    request_body: int = REQUEST_BODY_LIMIT
    response_body: int = RESPONSE_BODY_LIMIT


JOB_BOUNDS: Final = Bounds()
"""Those of requests on behalf of jobs."""


class OutboundRequest(Struct, frozen=True):
    """A request to be sent.

    Attributes:
        method: Such as ``GET``.
        url: An absolute http or https URL.
        headers: Names and values, secrets included.
        body: What is sent, or ``None``.
        timeout: Seconds that everything may take: connecting, redirects and reading the whole body.
        secret_headers: Lower-case names of headers that are, like ``authorization``, not sent on to another origin.
        bounds: How large it and its answer may be.
        follows: Whether redirects are followed, and not the answer.
        is_body_secret: Whether the body holds something that is, like those headers, not sent on to another origin.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    timeout: float = 120.0
    secret_headers: tuple[str, ...] = ()
    bounds: Bounds = JOB_BOUNDS
    follows: bool = True
    is_body_secret: bool = False

    def __repr__(self) -> str:
        # It may stand in a traceback or a log, and is full of secrets.
        return f"OutboundRequest({self.method!r}, ***)"


class OutboundResponse(Struct, frozen=True):
    """The answer to a request, after its redirects.

    Attributes:
        status: The status.
        headers: Names in lower case, and values, in the order in which they came.
        body: The whole body, decompressed.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def check_outbound(request: OutboundRequest, *, policy: EgressPolicy | None = None) -> WebUrl:
    """Refuse whatever can be refused before a name is looked up.

    Args:
        request: What would be sent.
        policy: Where requests may go; ``None`` if that is not known here, so that only the sender can tell.

    Returns:
        The request's URL, taken apart.

    Raises:
        InvalidUrlError: The URL cannot be requested.
        InvalidHeaderError: A header is malformed or perdure's own, or there are more than 32 KiB of them.
        InvalidArgumentError: The method or the timeout is none.
        ValueTooLargeError: The body has more than 3 MiB.
        BlockedAddressError: The host is an address that requests may not be sent to.
    """
    if not _METHOD.fullmatch(request.method) or request.method.upper() in _REFUSED_METHODS:
        raise InvalidArgumentError(f"The method {request.method[:40]!r} cannot be requested; GET or POST can.")
    if not (math.isfinite(request.timeout) and 0 < request.timeout <= request.bounds.timeout):
        most = request.bounds.timeout
        raise InvalidArgumentError(f"A request's timeout is more than 0 and at most {most:.0f} seconds.")
    if request.body is not None and len(request.body) > request.bounds.request_body:
        raise ValueTooLargeError(
            f"The body of a request may have {request.bounds.request_body:,} bytes; this one has {len(request.body):,}."
        )
    check_headers(request.headers)
    url = parse_url(request.url)
    if policy is not None:
        policy.check_url(url)
    return url


def check_headers(headers: Iterable[tuple[str, str]]) -> None:
    """Refuse headers that would change what a request is.

    Values are never repeated in a message: they may be secret.

    Raises:
        InvalidHeaderError: A name is no token or one that perdure sets, a value holds a control character or a lone
            surrogate, or all together have more than 32 KiB.
    """
    size = 0
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise InvalidHeaderError(f"{name[:40]!r} is no name of a header.")
        if name.lower() in _FORBIDDEN_HEADERS:
            raise InvalidHeaderError(f"The header {name!r} is set by perdure; leave it out.")
        if _CONTROL.search(value):
            raise InvalidHeaderError(f"The value of the header {name!r} has a line break or another control character.")
        size += len(name) + _byte_length(name, value) + 4
    if size > REQUEST_HEADERS_LIMIT:
        raise InvalidHeaderError(f"The headers have more than {REQUEST_HEADERS_LIMIT // 1024} KiB together.")


def _byte_length(name: str, value: str) -> int:
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        raise InvalidHeaderError(f"The value of the header {name!r} has a lone surrogate.") from None
