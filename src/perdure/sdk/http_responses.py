"""Answering requests: an app's handler, within its time, and what it gives as a response."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from perdure.errors import FetchFailedError, FetchTimeoutError, PerdureError
from perdure.protocol.json_text import dump
from perdure.protocol.received import GivenResponse
from perdure.sdk.http_request import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from perdure.protocol.received import ReceivedRequest
    from perdure.sdk.http_endpoint import HttpEndpoint, InThread

RESPONSE_SECONDS: Final = 30.0
"""How long a handler may take."""

RESPONSE_LIMIT: Final = 3 * 1024 * 1024
"""How many bytes the body of its response may have."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_GIVEN: Final = frozenset({"connection", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"})


async def respond(endpoint: HttpEndpoint, request: ReceivedRequest, in_thread: InThread) -> GivenResponse:
    """Have an app answer a request.

    Raises:
        FetchTimeoutError: The handler takes too long.
        FetchFailedError: It raised, or gave no response.
    """
    try:
        async with asyncio.timeout(RESPONSE_SECONDS):
            given = await endpoint.answer(HttpRequest.of(request), in_thread)
    except TimeoutError as error:
        raise FetchTimeoutError(f"The handler of HTTP endpoint {endpoint.id!r} took too long.") from error
    except (Exception, SystemExit) as error:
        raise FetchFailedError(
            f"The handler of HTTP endpoint {endpoint.id!r} raised {type(error).__name__}: {error}"
        ) from error
    try:
        return response_of(given if isinstance(given, HttpResponse) else HttpResponse(body=given))
    except PerdureError as error:
        raise FetchFailedError(f"The handler of HTTP endpoint {endpoint.id!r}: {error.message}") from error


def response_of(response: HttpResponse) -> GivenResponse:
    """Read a response that a handler gave.

    Raises:
        PerdureError: It is none.
    """
    status = response.status
    if not isinstance(status, int) or not 200 <= status <= 599:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise FetchFailedError(f"A status is 200 to 599, not {status!r:.40}.")
    body, kind = _body(response.body)
    if len(body) > RESPONSE_LIMIT:
        raise FetchFailedError(f"The body of a response has {len(body):,} bytes; at most {RESPONSE_LIMIT:,} are sent.")
    headers = _headers(response.headers)
    if kind is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", kind))
    return GivenResponse(status, tuple(headers), body)


def _body(body: Any) -> tuple[bytes, str | None]:
    if body is None:
        return b"", None
    if isinstance(body, bytes):
        return body, "application/octet-stream"
    if isinstance(body, str):
        return body.encode(errors="replace"), "text/plain; charset=utf-8"
    return dump(body, root="body").encode(), "application/json"


def _headers(headers: object) -> list[tuple[str, str]]:
    if not isinstance(headers, Mapping):
        raise FetchFailedError("The headers of a response are a dict.")
    found: list[tuple[str, str]] = []
    for name, value in cast("Mapping[object, object]", headers).items():
        if not (isinstance(name, str) and _TOKEN.fullmatch(name)) or name.lower() in _NOT_GIVEN:
            raise FetchFailedError(f"{name!r:.40} is no header that a response may have.")
        if not isinstance(value, str) or _CONTROL.search(value):
            raise FetchFailedError(f"The value of the header {name!r} is no text of one line.")
        found.append((name, value))
    return found
