"""Callback URLs (v2 protocol, section 8.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.answers import JsonAnswer
from perdure.api.bodies import read_body
from perdure.api.paths import decode_segment
from perdure.api.refusals import Refusal
from perdure.api.secret_urls import SecretUrlRoute
from perdure.protocol.limits import OUTPUT_LIMIT

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from perdure.engine.callbacks import Callbacks


class CallbackRoute(SecretUrlRoute):
    """An ASGI application that takes what is sent to tasks' callback URLs."""

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks

    async def _receive(self, request: Request) -> Response:
        """Complete the task with the body; 200 also if it has its result already, or waits no longer."""
        if request.method != "POST":
            raise Refusal(405, "method_not_allowed", "This route takes POST only.", headers={"Allow": "POST"})
        task_id, token = (decode_segment(request.path_params[name]) for name in ("task_id", "token"))
        # Nothing is read of whoever guesses.
        self._callbacks.check(task_id, token)
        await self._callbacks.complete(task_id, await read_body(request, limit=OUTPUT_LIMIT))
        return JsonAnswer(b'{"success":true}')
