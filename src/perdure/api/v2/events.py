"""Events, as clients of the v2 protocol look them up (section 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.routes import Route
from perdure.api.v2.shapes import instant, message_answer, not_found, shown_status
from perdure.errors import NotFoundError
from perdure.protocol.messages.events import EventAnswer, EventRun

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call


async def get_event(call: Call) -> Response:
    """Look an event up, with the runs that it started."""
    return await _get_event(call, is_v1=False)


async def get_event_v1(call: Call) -> Response:
    """The same for clients that know fewer statuses of runs."""
    return await _get_event(call, is_v1=True)


async def _get_event(call: Call, *, is_v1: bool) -> Response:
    try:
        found = await call.desk.get_event(call.part("event_id"))
    except NotFoundError:
        raise not_found("Event not found") from None
    return message_answer(
        EventAnswer(
            id=found.event.id,
            name=found.event.name,
            created_at=instant(found.created_at),
            updated_at=instant(found.updated_at),
            runs=[
                EventRun(
                    id=run.id,
                    status=shown_status(run.status, is_v1=is_v1),
                    started_at=instant(run.started_at),
                    completed_at=instant(run.completed_at),
                )
                for run in found.runs
            ],
        )
    )


ROUTES = tuple(
    Route(
        method="GET", path=f"/api/{version}/events/{{event_id}}", handler=handler,
        summary="Look an event up, with the runs that it started", answer=EventAnswer, errors=(404,),
        allows_public=True, has_cors=True, has_v2_form=True,
    )
    for version, handler in (("v1", get_event_v1), ("v2", get_event))
)  # fmt: skip
