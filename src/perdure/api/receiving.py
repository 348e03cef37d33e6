"""URLs that anybody may send requests to who knows them (v2 protocol, sections 11.1 and 11.3)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from starlette.responses import Response

from perdure.api.bodies import read_body
from perdure.api.paths import decode_segment
from perdure.api.refusals import Refusal
from perdure.api.secret_urls import SecretUrlRoute
from perdure.api.v2.shapes import not_found
from perdure.errors import FetchFailedError, FetchTimeoutError, NotFoundError
from perdure.protocol.limits import REQUEST_BODY_LIMIT
from perdure.protocol.received import GivenResponse, ReceivedRequest, kept_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from starlette.requests import Request

    from perdure.api.rate_limits import RateLimits
    from perdure.engine.http_endpoints import HttpEndpoints, Target
    from perdure.engine.source_intake import SourceIntake
    from perdure.storage.sources import SourceRow

_WITHOUT_BODY: Final = (204, 205, 304)
_log = logging.getLogger(__name__)


class Taking(Protocol):
    """What requests to one kind of URL come to."""

    async def find(self, request: Request) -> Any:
        """Find what the URL leads to, before the body is read.

        Raises:
            NotFoundError: Nothing.
            Refusal: The request is not taken there.
        """
        ...

    async def take(self, target: Any, request: ReceivedRequest) -> GivenResponse:
        """Take a request in; the response, when it is durable."""
        ...


class EndpointRequests:
    """Requests to HTTP endpoints, of any method."""

    def __init__(self, endpoints: HttpEndpoints) -> None:
        self._endpoints = endpoints

    async def find(self, request: Request) -> Target:
        """Find the HTTP endpoint."""
        key, code = (decode_segment(request.path_params[name]) for name in ("key", "code"))
        return await self._endpoints.find(key, code)

    async def take(self, target: Target, request: ReceivedRequest) -> GivenResponse:
        """Have it take the request."""
        return await self._endpoints.receive(target, request)


class SourceRequests:
    """Requests to external sources (v2 protocol, section 11.3)."""

    def __init__(self, intake: SourceIntake) -> None:
        self._intake = intake

    async def find(self, request: Request) -> SourceRow:
        """Find the source."""
        if request.method != "POST":
            raise Refusal(405, "method_not_allowed", "This route takes POST only.", headers={"Allow": "POST"})
        return await self._intake.find_source(decode_segment(request.path_params["source_id"]))

    async def take(self, target: SourceRow, request: ReceivedRequest) -> GivenResponse:
        """Store the request, if the source is active."""
        await self._intake.take(target, request)
        return GivenResponse()


class ReceivingRoute(SecretUrlRoute):
    """An ASGI application that takes requests of anybody.

    Args:
        taking: What they come to.
        now: Gives the time.
        limits: Counts the requests to each URL.
    """

    # And what an app answers must not act on pages of this server.
    headers: ClassVar[Mapping[str, str]] = {
        **SecretUrlRoute.headers,
        "Content-Security-Policy": "sandbox",
        "X-Content-Type-Options": "nosniff",
    }

    def __init__(self, taking: Taking, now: Callable[[], datetime], limits: RateLimits) -> None:
        self._taking = taking
        self._now = now
        self._limits = limits

    async def _receive(self, request: Request) -> Response:
        try:
            target = await self._taking.find(request)
        except NotFoundError as error:
            raise not_found(error.message) from None
        # Only URLs that lead somewhere are counted, so nobody fills the memory with others.
        self._limits.take(request.scope["path"].encode("latin-1", errors="replace"))
        body = await read_body(request, limit=REQUEST_BODY_LIMIT)
        received = ReceivedRequest(
            request.method, _url(request), kept_headers(request.headers.items()), body, self._now()
        )
        return _response(await self._taking.take(target, received))

    def _refusal(self, error: Exception, request_id: str) -> Refusal:
        if isinstance(error, FetchTimeoutError):
            return Refusal(504, error.code, "The app that answers these requests took too long; send it again later.")
        if isinstance(error, FetchFailedError):
            _log.warning("Request %s: the app did not say what to answer: %s", request_id, error)
            return Refusal(500, "invalid_response", "Could not parse response from client")
        return super()._refusal(error, request_id)


def _url(request: Request) -> str:
    """Give the URL as its sender sees it: behind a proxy that ends TLS it began with https."""
    is_secure = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower() == "https"
    scheme = "https" if is_secure else request.url.scheme
    query = request.scope["query_string"].decode("latin-1")
    host = request.headers.get("host", "localhost")
    return f"{scheme}://{host}{request.scope['path']}{f'?{query}' if query else ''}"


def _response(given: GivenResponse) -> Response:
    response = Response(b"" if given.status in _WITHOUT_BODY else given.body, given.status)
    for name, value in given.headers:
        response.headers.append(name, value.encode("latin-1", errors="replace").decode("latin-1"))
    return response
