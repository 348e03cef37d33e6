"""Events: send, look up, list, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.answers import answer
from perdure.api.calls import page_of
from perdure.api.routes import CURSOR, Parameter, Route, take
from perdure.protocol.api_bodies import SendEvents
from perdure.protocol.events import EventAnswer, EventDetailsAnswer
from perdure.protocol.management import EventFilter, EventPageAnswer
from perdure.protocol.runs import CancelAnswer

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call

_ENVELOPE = 3
"""A payload stands in an event, in a list, in the body."""


async def send_events(call: Call) -> Response:
    """Store events, all or none."""
    body = await call.body(SendEvents, depth=_ENVELOPE)
    return answer(await call.desk.send_events(body.events, body.options))


async def list_events(call: Call) -> Response:
    """List a page of events, newest first."""
    wanted = EventFilter(call.text("name"), call.flag("pending"), call.flag("internal"), call.flag("requests"))
    return answer(await call.desk.list_events(wanted, **page_of(call)))


async def get_event(call: Call) -> Response:
    """Look an event up, with the runs that it started."""
    return answer(await call.desk.get_event(call.part("event_id")))


async def cancel_event(call: Call) -> Response:
    """Cancel an event whose delivery lies ahead."""
    return answer(await call.desk.cancel_event(call.part("event_id")))


async def cancel_runs(call: Call) -> Response:
    """Cancel the runs of an event."""
    return answer(await call.desk.cancel_runs_for_event(call.part("event_id")))


async def replay_request(call: Call) -> Response:
    """Take in a request once more that an HTTP endpoint has received."""
    return answer(await call.desk.replay_request(call.part("event_id")))


ROUTES = (
    Route(
        method="POST", path="/api/events", handler=send_events, summary="Send events, all or none",
        body=SendEvents, answer=list[EventAnswer],
    ),
    Route(
        method="GET", path="/api/events", handler=list_events, summary="List events, newest first",
        answer=EventPageAnswer,
        query=(
            Parameter("name", str, "Only events of this name."),
            Parameter("pending", bool, "Only events whose delivery lies ahead."),
            Parameter("internal", bool, "Also the events that ticks and invocations are."),
            Parameter("requests", bool, "Only events that are requests to HTTP endpoints."),
            CURSOR,
            take("events"),
        ),
    ),
    Route(
        method="GET", path="/api/events/{event_id}", handler=get_event,
        summary="Look an event up, with the runs that it started", answer=EventDetailsAnswer, errors=(404,),
    ),
    Route(
        method="POST", path="/api/events/{event_id}/cancel", handler=cancel_event,
        summary="Cancel an event whose delivery lies ahead", answer=EventAnswer, errors=(404, 409),
    ),
    Route(
        method="POST", path="/api/events/{event_id}/cancel-runs", handler=cancel_runs,
        summary="Cancel the runs of an event that have not ended", answer=CancelAnswer, errors=(404,),
    ),
    Route(
        method="POST", path="/api/events/{event_id}/replay", handler=replay_request,
        summary="Take in a request once more that an HTTP endpoint has received", answer=EventAnswer, errors=(404,),
    ),
)  # fmt: skip
