"""Apps behind URLs: list, register, ask anew, forget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.answers import answer
from perdure.api.refusals import Refusal
from perdure.api.routes import Route
from perdure.errors import FetchFailedError
from perdure.protocol.administration import EndpointAnswer
from perdure.protocol.api_bodies import Deleted, NewEndpoint

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.responses import Response

    from perdure.api.calls import Call


async def list_endpoints(call: Call) -> Response:
    """List the apps behind URLs."""
    return answer(await call.desk.list_endpoints())


async def add_endpoint(call: Call) -> Response:
    """Register an app: it is asked who it is and what it declares."""
    body = await call.body(NewEndpoint)
    return await _asked(call.desk.add_endpoint(body.id, body.url))


async def index_endpoint(call: Call) -> Response:
    """Ask an app anew what it declares."""
    return await _asked(call.desk.index_endpoint(call.part("endpoint_id")))


async def remove_endpoint(call: Call) -> Response:
    """Forget an app."""
    await call.desk.remove_endpoint(call.part("endpoint_id"))
    return answer(Deleted(True))


async def _asked(asking: Awaitable[EndpointAnswer]) -> Response:
    try:
        return answer(await asking)
    except FetchFailedError as error:
        raise Refusal(422, "endpoint_unverified", error.message) from error


ROUTES = (
    Route(
        method="GET", path="/api/endpoints", handler=list_endpoints, summary="List the apps that are behind URLs",
        answer=list[EndpointAnswer],
    ),
    Route(
        method="POST", path="/api/endpoints", handler=add_endpoint,
        summary="Register an app that is behind a URL, or where it is now", body=NewEndpoint, answer=EndpointAnswer,
    ),
    Route(
        method="POST", path="/api/endpoints/{endpoint_id}/index", handler=index_endpoint,
        summary="Ask an app anew what it declares; its answer comes with that", answer=EndpointAnswer, errors=(404,),
    ),
    Route(
        method="DELETE", path="/api/endpoints/{endpoint_id}", handler=remove_endpoint,
        summary="Forget an app: its jobs start no more", answer=Deleted, errors=(404,),
    ),
)  # fmt: skip
