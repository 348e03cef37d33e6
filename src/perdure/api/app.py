"""The ASGI application of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Router
from starlette.websockets import WebSocketClose

from perdure.api import (
    connections,
    documents,
    endpoints,
    environments,
    events,
    jobs,
    node,
    operator_keys,
    run_changes,
    runs,
    schedules,
    sources,
    statuses,
    store,
    task_batches,
    task_lines,
    workers,
)
from perdure.api.answers import error_answer
from perdure.api.callbacks import CallbackRoute
from perdure.api.deploy_hooks import DeployHookRoute
from perdure.api.dispatcher import Dispatcher, group
from perdure.api.metrics import MetricsRoute
from perdure.api.path_tree import PathTree
from perdure.api.paths import sent_path
from perdure.api.receiving import EndpointRequests, ReceivingRoute, SourceRequests
from perdure.api.streams import Streams
from perdure.api.v2 import connections as v2_connections
from perdure.api.v2 import endpoints as v2_endpoints
from perdure.api.v2 import events as v2_events
from perdure.api.v2 import identity, logs, personal_tokens, sending, state, tasks
from perdure.api.v2 import jobs as v2_jobs
from perdure.api.v2 import runs as v2_runs
from perdure.api.v2 import sources as v2_sources

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Collection, Sequence
    from typing import TypeAlias

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from perdure.api.keys import Keys
    from perdure.api.rate_limits import RateLimits
    from perdure.api.routes import Route
    from perdure.api.tallies import Tallies
    from perdure.engine.callbacks import Callbacks
    from perdure.engine.http_endpoints import HttpEndpoints

    Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
    """The headers of a request, by lower-case names."""

    Direct: TypeAlias = tuple[Dispatcher, dict[str, str]]
    """What answers a request, and the parts of its path."""

HEADERS_LIMIT = 32 * 1024
"""How many bytes the headers of a request may have."""

URL_LIMIT = 8 * 1024
"""How many bytes the path and the query of a request may have."""


REMOTE = (sending, tasks, state, logs, v2_jobs, v2_endpoints, v2_sources, v2_connections, identity, personal_tokens)
"""What endpoints elsewhere ask."""

HOT = (*tasks.ROUTES, *sending.ROUTES, *task_batches.ROUTES, task_lines.ROUTE)
"""What is asked at every step of a run: a server may answer these without ASGI in between."""


def all_routes() -> list[Route]:
    """List every route beside those of callback URLs."""
    # No run is called "changes", no event "bulk": the first route that fits a path has it.
    nouns = (
        events,
        run_changes,
        runs,
        statuses,
        jobs,
        schedules,
        store,
        endpoints,
        connections,
        operator_keys,
        environments,
        sources,
        node,
        documents,
        workers,
        task_batches,
    )
    return [route for noun in (*nouns, *REMOTE, v2_events, v2_runs) for route in noun.ROUTES]


class NodeApp:
    """The ASGI application of a node; an app of one's own may mount it under any path."""

    def __init__(self, paths: PathTree[ASGIApp], hot: Collection[str]) -> None:
        self._paths = paths
        self._hot = frozenset(hot)
        self._others = Router(default=_find_nothing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, by its path as it was sent."""
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        sent = sent_path(scope) if len(scope["path"]) <= URL_LIMIT else None
        if sent is None or len(sent) + len(scope["query_string"]) > URL_LIMIT:
            too_long = error_answer(414, "uri_too_long", f"A URL may have {URL_LIMIT // 1024} KiB at most.")
            await too_long(scope, receive, send)
            return
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS_LIMIT:
            await headers_too_large()(scope, receive, send)
            return
        found = self._paths.find(sent)
        if found is None and sent.startswith("//"):
            # Clients of v2 put a path behind the URL that they are given, which may end with a slash.
            found = self._paths.find(f"/{sent.lstrip('/')}")
        if found is None:
            await _find_nothing(scope, receive, send)
            return
        await found[0]({**scope, "path": sent, "root_path": "", "path_params": found[1]}, receive, send)

    def find_direct(self, target: bytes, headers: Headers) -> Direct | None:
        """Find what answers a POST without ASGI in between; ``None``: it has to come by ASGI.

        Args:
            target: The path of the request with its query, as it was sent.
            headers: Its headers, which are within the limit.
        """
        if b"?" in target or len(target) > URL_LIMIT or not target.isascii():
            return None
        found = self._paths.find(target.decode("ascii"))
        if found is None or not isinstance(found[0], Dispatcher) or found[0].path not in self._hot:
            return None
        return found[0], found[1]


def node_app(
    callbacks: Callbacks,
    http_endpoints: HttpEndpoints,
    *,
    keys: Keys,
    limits: RateLimits,
    receiving_limits: RateLimits,
    tallies: Tallies,
    stopping: asyncio.Event,
) -> NodeApp:
    """Make the application.

    Args:
        callbacks: Takes what is sent to callback URLs.
        http_endpoints: Takes what is sent to URLs of HTTP endpoints and of sources.
        keys: Who may ask, and whom.
        limits: Counts the requests of keys.
        receiving_limits: Counts the requests to URLs of HTTP endpoints and of sources.
        tallies: Counts answers.
        stopping: Set when the node is about to stop: what waits or streams ends then.
    """
    streams = Streams()
    receiver = CallbackRoute(callbacks)
    callback = "tasks/{task_id}/callback/{token}"
    paths: PathTree[ASGIApp] = PathTree()
    paths.add(f"/api/v1/{callback}", receiver)
    paths.add(f"/api/v1/runs/{{run_id}}/{callback}", receiver)
    requests = ReceivingRoute(EndpointRequests(http_endpoints), http_endpoints.now, receiving_limits)
    paths.add("/api/v1/http-endpoints/{key}/env/{environment}/{code}", requests)
    hooks = DeployHookRoute(keys.node.environments)
    paths.add("/api/v1/endpoints/{environment_id}/{endpoint_id}/index/{hook}", hooks)
    paths.add("/metrics", MetricsRoute(keys.node, keys=keys, tallies=tallies))
    of_sources = ReceivingRoute(SourceRequests(http_endpoints.intake), http_endpoints.now, receiving_limits)
    paths.add("/api/v1/sources/http/{source_id}", of_sources)
    for path, of_path in group([*all_routes(), task_lines.ROUTE]).items():
        dispatcher = Dispatcher(of_path, keys=keys, limits=limits, tallies=tallies, streams=streams, stopping=stopping)
        paths.add(path, dispatcher, is_open_ended=any(route.is_open_ended for route in of_path))
    return NodeApp(paths, [route.path for route in HOT])


def headers_too_large() -> Response:
    """Refuse a request whose headers are over the limit."""
    sentence = f"The headers of a request may have {HEADERS_LIMIT // 1024} KiB at most."
    return error_answer(431, "headers_too_large", sentence, headers={"Connection": "close"})


def no_http() -> Response:
    """Refuse what is no HTTP, or may be two requests, such as one with two lengths."""
    return error_answer(400, "bad_request", "That is no HTTP request.", headers={"Connection": "close"})


async def _find_nothing(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
    elif scope["type"] == "http":
        answer = error_answer(404, "not_found", "There is nothing under this path.")
        await answer(scope, receive, send)
