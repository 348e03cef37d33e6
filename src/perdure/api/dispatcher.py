"""The dispatcher of a path: picks the route by the method, checks the key, and answers whatever comes of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from perdure.api.answers import JsonAnswer, complete, new_request_id, perdure_version, refuse
from perdure.api.callers import check_caller
from perdure.api.calls import Call
from perdure.api.keys import INVALID_KEY
from perdure.api.refusals import Refusal, refusal_of
from perdure.api.request import ApiRequest
from perdure.api.tallies import now
from perdure.errors import InvalidArgumentError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from perdure.api.keys import Access, Keys
    from perdure.api.rate_limits import RateLimits
    from perdure.api.routes import Route
    from perdure.api.streams import Streams
    from perdure.api.tallies import Tallies

_log = logging.getLogger(__name__)

_CORS = {b"access-control-allow-origin": b"*"}
_ASKED_HEADERS = "Access-Control-Request-Headers"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
    "Access-Control-Allow-Headers": "authorization,content-type",
    "Access-Control-Max-Age": "300",
    "Vary": _ASKED_HEADERS,
}


class Dispatcher:
    """An ASGI application for the routes of one path.

    Attributes:
        path: The path, with the names of its parts in braces.

    Args:
        routes: They differ in their methods.
        keys: Who may ask, and whom.
        limits: Counts requests of keys.
        tallies: Counts answers.
        streams: The streams that are open.
        stopping: Set when the node is about to stop.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        keys: Keys,
        limits: RateLimits,
        tallies: Tallies,
        streams: Streams,
        stopping: asyncio.Event,
    ) -> None:
        self._routes: dict[str, Route] = {route.method: route for route in routes}
        if "GET" in self._routes:
            self._routes["HEAD"] = self._routes["GET"]
        self._has_cors = any(route.has_cors for route in routes)
        self._fixed = {b"perdure-version": perdure_version().encode("ascii"), **(_CORS if self._has_cors else {})}
        self._keys = keys
        self._limits = limits
        self._tallies = tallies
        self.path = routes[0].path
        self._streams = streams
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        response = await self.respond(ApiRequest(scope, receive))
        await response(scope, receive, send)

    async def respond(self, request: ApiRequest) -> Response:
        """Make the answer to a request; no `Exception` comes of it."""
        request_id, began = new_request_id(), now()
        counted: dict[str, str] = {}
        try:
            response = await self._answer(request, counted)
        except Exception as error:
            refusal = refusal_of(error, request_id)
            route = self._routes.get(request.method)
            if route is not None and route.has_v2_form and refusal.code == InvalidArgumentError.code:
                # By the name that what does not fit has on these routes, whoever sees it first.
                refusal.code = "invalid_field"
            if route is not None and route.has_v2_form and refusal.code == "missing_api_key":
                refusal.sentence = INVALID_KEY
            response = refuse(refusal, request_id)
        complete(response, request_id, self._fixed, counted)
        self.note(request.method, response.status_code, now() - began, request_id)
        return response

    def admit(self, access: Access) -> None:
        """Let what has asked before ask again, without an answer's headers.

        Raises:
            Refusal: Its key opens nothing any more, or has asked too often.
        """
        self._keys.check_again(access)
        self._limits.take(None if access.is_owner else access.digest)

    def note(self, method: str, status: int, seconds: float, request_id: str = "") -> None:
        """Count an answer, and write it to the log."""
        known = method if method in self._routes else "other"
        self._tallies.add(known, self.path, status, seconds)
        if _log.isEnabledFor(logging.DEBUG):
            members = {"request_id": request_id, "route": self.path, "status": status, "seconds": round(seconds, 6)}
            _log.debug("%s %s %d", known, self.path, status, extra={"members": members})

    async def _answer(self, request: ApiRequest, counted: dict[str, str]) -> Response:
        """Answer a request; ``counted`` takes the headers that say how many more there may be."""
        route = self._routes.get(request.method)
        if route is None:
            if request.method == "OPTIONS" and self._has_cors:
                return JsonAnswer(b"{}", headers=_preflight(request))
            allowed = ", ".join(sorted(self._routes))
            sentence = f"This path takes {allowed}, not {request.method[:20]}."
            raise Refusal(405, "method_not_allowed", sentence, headers={"Allow": allowed})
        keys = self._keys
        access = (
            keys.nobody()
            if route.is_open
            else keys.check(request, allows_public=route.allows_public, may_be_signed=True)
        )
        await keys.verify(request, access)
        if route.is_for_owner and not access.is_owner:
            raise Refusal(403, "owner_only", "Only the user whose server this is may do that, on its machine.")
        if not route.is_unlimited:
            counted.update(self._limits.take(None if access.is_owner else access.digest))
        call = Call(access, request, keys=keys, streams=self._streams, stopping=self._stopping)
        if not route.has_v2_form:
            call.check_query([parameter.name for parameter in route.query])
        await check_caller(request, call.remote.batches)
        return await route.handler(call)


def _preflight(request: ApiRequest) -> dict[str, str]:
    # What traces or caches requests in a page adds headers to them.
    asked = request.headers.get(_ASKED_HEADERS)
    return {**_PREFLIGHT, "Access-Control-Allow-Headers": asked} if asked else _PREFLIGHT


def group(routes: Sequence[Route]) -> dict[str, list[Route]]:
    """Put the routes of each path together, in their order."""
    paths: dict[str, list[Any]] = {}
    for route in routes:
        paths.setdefault(route.path, []).append(route)
    return paths
