"""Callback URLs (v2 protocol, section 8.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from perdure.api.answers import JsonAnswer, new_request_id, refuse
from perdure.api.bodies import read_body
from perdure.api.paths import decode_segment
from perdure.api.refusals import Refusal, refusal_of
from perdure.protocol.limits import OUTPUT_LIMIT

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from perdure.engine.callbacks import Callbacks

_PRIVATE = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
"""The URL is a secret: it is not to be passed on or kept."""


class CallbackRoute:
    """An ASGI application that takes what is sent to tasks' callback URLs."""

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks

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
        """Complete the task with the body; 200 also if it has its result already, or waits no longer."""
        if request.method != "POST":
            raise Refusal(405, "method_not_allowed", "This route takes POST only.", headers={"Allow": "POST"})
        task_id, token = (decode_segment(request.path_params[name]) for name in ("task_id", "token"))
        body = await read_body(request, limit=OUTPUT_LIMIT)
        await self._callbacks.receive(task_id, token, body)
        return JsonAnswer(b'{"success":true}')
