"""An app's jobs as a blueprint of Flask."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from perdure.adapters.blocking import BlockingHandler, is_only_thread
from perdure.adapters.exchange import DEFAULT_PATH, METHODS, AppRequest

if TYPE_CHECKING:
    from perdure.sdk.client import Client


def blueprint(client: Client, *, path: str = DEFAULT_PATH) -> Any:
    """Make a blueprint that a server reaches the client's jobs by: ``app.register_blueprint(blueprint(client))``.

    Jobs run on an event loop in a thread of its own, one for each process; a request blocks its worker for as long as
    the execution takes.

    Args:
        client: The client.
        path: Where it answers, below the prefix of the blueprint.

    See also: v2 protocol, section 3.
    """
    flask = importlib.import_module("flask")
    handler = BlockingHandler(client)

    def answer() -> Any:
        request = flask.request
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = AppRequest(request.method, headers, request.get_data(cache=False))
        made = handler.handle(asked, is_only_thread=is_only_thread(request.environ))
        return flask.Response(made.body, status=made.status, headers=dict(made.headers))

    made = flask.Blueprint(f"perdure-{client.id}".replace(".", "-"), __name__)
    made.add_url_rule(path, endpoint="jobs", view_func=answer, methods=METHODS, provide_automatic_options=False)
    return made
