"""The URLs of HTTP endpoints, which anybody may send requests to who knows them (v2 protocol, section 11.1)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from perdure.api.answers import new_request_id, refuse
from perdure.api.bodies import read_body
from perdure.api.paths import decode_segment
from perdure.api.refusals import Refusal, refusal_of
from perdure.api.v2.shapes import not_found
from perdure.errors import FetchFailedError, FetchTimeoutError, NotFoundError
from perdure.protocol.limits import REQUEST_BODY_LIMIT
from perdure.protocol.received import kept_headers

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from perdure.engine.http_endpoints import HttpEndpoints
    from perdure.protocol.received import GivenResponse

_OURS: Final = {
    # The URL is a secret, and what an app answers must not act on pages of this server.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "sandbox",
    "X-Content-Type-Options": "nosniff",
}
_log = logging.getLogger(__name__)


class HttpEndpointRoute:
    """An ASGI application that takes requests of any method."""

    def __init__(self, endpoints: HttpEndpoints) -> None:
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, when it is durable."""
        request_id = new_request_id()
        try:
            response = await self._receive(Request(scope, receive))
        except Exception as error:
            response = refuse(_refusal(error, request_id), request_id)
        response.headers["X-Request-Id"] = request_id
        response.headers.update(_OURS)
        await response(scope, receive, send)

    async def _receive(self, request: Request) -> Response:
        key, code = (decode_segment(request.path_params[name]) for name in ("key", "code"))
        try:
            target = await self._endpoints.find(key, code)
        except NotFoundError as error:
            raise not_found(error.message) from None
        body = await read_body(request, limit=REQUEST_BODY_LIMIT)
        received = self._endpoints.now_received(
            method=request.method,
            url=_url(request),
            headers=kept_headers(request.headers.items()),
            body=body,
        )
        return _response(await self._endpoints.receive(target, received))


def _url(request: Request) -> str:
    """Give the URL as its sender sees it: behind a proxy that ends TLS it began with https."""
    is_secure = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower() == "https"
    scheme = "https" if is_secure else request.url.scheme
    query = request.scope["query_string"].decode("latin-1")
    host = request.headers.get("host", "localhost")
    return f"{scheme}://{host}{request.scope['path']}{f'?{query}' if query else ''}"


def _response(given: GivenResponse) -> Response:
    response = Response(given.body, given.status)
    for name, value in given.headers:
        response.headers.append(name, value.encode("latin-1", errors="replace").decode("latin-1"))
    return response


def _refusal(error: Exception, request_id: str) -> Refusal:
    if isinstance(error, FetchTimeoutError):
        return Refusal(504, error.code, "The app that answers these requests took too long; send it again later.")
    if isinstance(error, FetchFailedError):
        _log.warning("Request %s: the app did not say what to answer: %s", request_id, error)
        return Refusal(500, "invalid_response", "Could not parse response from client")
    return refusal_of(error, request_id)
