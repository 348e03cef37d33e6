"""Registrations with dynamic triggers, and their sources, as apps of perdure tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.answers import answer
from perdure.api.routes import Route
from perdure.protocol.sources import RegisterTrigger, TriggerAnswer, UpdatedSource, UpdateSource

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call


async def register_trigger(call: Call) -> Response:
    """Register something with a dynamic trigger."""
    return answer(await call.desk.register_trigger(await call.body(RegisterTrigger, depth=2)))


async def update_source(call: Call) -> Response:
    """Note that a source is registered with its vendor."""
    return answer(await call.desk.update_source(await call.body(UpdateSource, depth=2)))


ROUTES = (
    Route(
        method="PUT", path="/api/trigger-registrations", handler=register_trigger,
        summary="Register something with a dynamic trigger under a key, in place of what was", body=RegisterTrigger,
        answer=TriggerAnswer, errors=(404,),
    ),
    Route(
        method="PUT", path="/api/sources", handler=update_source,
        summary="Note that a source is registered with the service that sends there", body=UpdateSource,
        answer=UpdatedSource, errors=(404,),
    ),
)  # fmt: skip
