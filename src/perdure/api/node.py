"""The node itself: who answers, how it is, what it can be asked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.api.answers import answer
from perdure.api.routes import Route
from perdure.errors import InvalidArgumentError, StorageError
from perdure.protocol.api_bodies import Health, Prune
from perdure.protocol.management import NodeAnswer, PruneAnswer
from perdure.protocol.platform import HttpEndpointAnswer

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call


_OLDEST_SECONDS = 36525 * 24 * 3600


async def get_node(call: Call) -> Response:
    """Say who answers."""
    return answer(await call.desk.get_node())


async def prune(call: Call) -> Response:
    """Delete what ended long ago."""
    body = await call.body(Prune)
    if not 0 <= body.older_than <= _OLDEST_SECONDS:
        raise InvalidArgumentError(f"older_than={body.older_than:g}: it is 0 to {_OLDEST_SECONDS:,} seconds.")
    older_than = timedelta(seconds=body.older_than)
    return answer(await call.desk.prune(older_than=older_than, dry_run=body.dry_run))


async def list_http_endpoints(call: Call) -> Response:
    """List the HTTP endpoints that apps declare."""
    return answer(await call.desk.list_http_endpoints())


async def get_http_endpoint(call: Call) -> Response:
    """Look an HTTP endpoint up."""
    return answer(await call.desk.get_http_endpoint(call.part("key")))


async def is_alive(_call: Call) -> Response:
    """Say that the process answers."""
    return answer(Health("ok"))


async def is_ready(call: Call) -> Response:
    """Say whether the node does what it is asked: it is not about to stop, and its database can be read and written."""
    if call.stopping.is_set():
        return answer(Health("stopping"), status=503)
    try:
        await call.desk.has_value("readyz")
        await call.keys.node.check_storage()
    except StorageError:
        return answer(Health("unavailable"), status=503)
    return answer(Health("ok"))


ROUTES = (
    Route(
        method="GET", path="/api/node", handler=get_node,
        summary="Say who answers, and how many secrets it cannot decrypt", answer=NodeAnswer,
    ),
    Route(
        method="POST", path="/api/prune", handler=prune,
        summary="Delete what ended long ago, as retention does; answers when it is done", body=Prune,
        answer=PruneAnswer,
    ),
    Route(
        method="GET", path="/api/http-endpoints", handler=list_http_endpoints,
        summary="List the HTTP endpoints that apps declare, with their URLs, by id", answer=list[HttpEndpointAnswer],
    ),
    Route(
        method="GET", path="/api/http-endpoints/{key}", handler=get_http_endpoint,
        summary="Look an HTTP endpoint up, with its URL", answer=HttpEndpointAnswer, errors=(404,),
    ),
    Route(
        method="GET", path="/healthz", handler=is_alive, summary="Say that the process answers", answer=Health,
        is_open=True,
    ),
    Route(
        method="GET", path="/readyz", handler=is_ready,
        summary="Say whether the node does what it is asked; 503 if it does not", answer=Health, is_open=True,
        errors=(503,),
    ),
)  # fmt: skip
