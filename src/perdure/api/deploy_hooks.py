"""Deploy hooks: URLs with a secret part, where a platform says that an app was deployed (v2 protocol, section 4.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from perdure.api.answers import JsonAnswer, new_request_id, refuse
from perdure.api.paths import decode_segment
from perdure.api.refusals import Refusal, refusal_of
from perdure.engine.endpoints import UNKNOWN
from perdure.errors import NotFoundError

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from perdure.engine.environments import Environments

_PRIVATE = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
"""The URL is a secret: it is not to be passed on or kept."""


class DeployHookRoute:
    """An ASGI application that has apps asked anew."""

    def __init__(self, environments: Environments) -> None:
        self._environments = environments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request_id = new_request_id()
        try:
            response = await self._receive(Request(scope, receive))
        except Exception as error:
            response = refuse(refusal_of(error, request_id), request_id)
        response.headers["X-Request-Id"] = request_id
        response.headers.update(_PRIVATE)
        await response(scope, receive, send)

    async def _receive(self, request: Request) -> Response:
        if request.method not in ("GET", "POST"):
            raise Refusal(405, "method_not_allowed", "This path takes GET and POST.", headers={"Allow": "GET, POST"})
        environment_id, endpoint_id, hook = (
            decode_segment(request.path_params[name]) for name in ("environment_id", "endpoint_id", "hook")
        )
        for one in self._environments.all():
            if one.remote.tenant.environment.id == environment_id:
                await one.remote.endpoints.index_later(endpoint_id, hook)
                return JsonAnswer(b'{"ok":true}')
        raise NotFoundError(UNKNOWN)
