"""An app's jobs as a router of FastAPI."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from perdure.adapters.asgi import AsgiJobs
from perdure.adapters.exchange import DEFAULT_PATH, METHODS

if TYPE_CHECKING:
    from perdure.sdk.client import Client


def router(client: Client, *, path: str = DEFAULT_PATH) -> Any:
    """Make a router that a server reaches the client's jobs by: ``app.include_router(router(client))``.

    Jobs run on the event loop of the app. An app of Starlette mounts ``client.asgi()`` instead.

    Args:
        client: The client.
        path: Where it answers, below the prefix of the router.

    See also: v2 protocol, section 3.
    """
    made = importlib.import_module("fastapi").APIRouter()
    made.add_route(path, AsgiJobs(client, path=None), methods=list(METHODS), include_in_schema=False)
    return made
