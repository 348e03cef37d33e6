"""An app's jobs as URL patterns of Django."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from perdure.adapters.blocking import BlockingHandler, is_only_thread
from perdure.adapters.exchange import DEFAULT_PATH, AppRequest

if TYPE_CHECKING:
    from perdure.sdk.client import Client


def urlpatterns(client: Client, *, path: str = DEFAULT_PATH) -> list[Any]:
    """Make URL patterns that a server reaches the client's jobs by: ``urlpatterns = [*…, *urlpatterns(client)]``.

    Jobs run on an event loop in a thread of its own, one for each process; a request blocks its worker for as long as
    the execution takes. They are not asked for a CSRF token: the server shows its key.

    Args:
        client: The client.
        path: Where it answers.

    See also: v2 protocol, section 3.
    """
    http, urls = importlib.import_module("django.http"), importlib.import_module("django.urls")
    csrf = importlib.import_module("django.views.decorators.csrf")
    handler = BlockingHandler(client)

    def answer(request: Any) -> Any:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = AppRequest(request.method, headers, request.body)
        made = handler.handle(asked, is_only_thread=is_only_thread(request.META))
        return http.HttpResponse(made.body, status=made.status, headers=dict(made.headers))

    return [urls.path(path.strip("/"), csrf.csrf_exempt(answer), name=f"perdure-{client.id}")]
