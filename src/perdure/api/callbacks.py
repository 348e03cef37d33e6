"""Callback URLs (v2 protocol, section 8.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from perdure.api.answers import error_answer
from perdure.api.bodies import BodyError, read_body
from perdure.errors import JsonError, NotFoundError, StorageError
from perdure.protocol.limits import OUTPUT_LIMIT

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from perdure.engine.callbacks import Callbacks

_PRIVATE = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
"""The URL is a secret: it is not to be passed on or kept."""


class CallbackRoute:
    """Takes what is sent to tasks' callback URLs."""

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks

    async def receive(self, request: Request) -> Response:
        """Complete the task with the body; 200 also if it has its result already, or waits no longer."""
        try:
            body = await read_body(request, limit=OUTPUT_LIMIT)
            await self._callbacks.receive(request.path_params["task_id"], request.path_params["token"], body)
        except BodyError as error:
            return error_answer(error.status, error.code, error.sentence, headers=_PRIVATE)
        except JsonError as error:
            return error_answer(400, error.reason, error.message, headers=_PRIVATE)
        except NotFoundError as error:
            return error_answer(404, error.code, error.message, headers=_PRIVATE)
        except StorageError:
            sentence = "Nothing was stored; send the request again."
            return error_answer(503, "storage_unavailable", sentence, headers={**_PRIVATE, "Retry-After": "1"})
        return JSONResponse({"success": True}, headers=_PRIVATE)
