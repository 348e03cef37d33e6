"""The ASGI application of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from perdure.api.answers import error_answer
from perdure.api.callbacks import CallbackRoute

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from perdure.engine.callbacks import Callbacks


def node_app(callbacks: Callbacks) -> Starlette:
    """Make the application: an app of one's own may mount it under any path."""
    route = CallbackRoute(callbacks)
    app = Starlette(
        routes=[Route("/api/v1/tasks/{task_id}/callback/{token}", route.receive, methods=["POST"])],
        exception_handlers={HTTPException: _refuse, Exception: _fail},
    )
    app.router.redirect_slashes = False
    return app


async def _refuse(_request: Request, error: Any) -> Response:
    """Answer what the router refuses in the one shape of errors."""
    if error.status_code == 405:
        return error_answer(405, "method_not_allowed", "This route takes POST only.", headers=error.headers)
    return error_answer(error.status_code, "not_found", "There is nothing under this path.")


async def _fail(_request: Request, _error: Exception) -> Response:
    return error_answer(500, "internal_error", "Something went wrong here; it has been logged.")
