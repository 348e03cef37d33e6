"""Events as they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.protocol.events import EventAnswer, EventDetailsAnswer, EventRunAnswer
from perdure.storage import events
from perdure.storage.events import EventRow, EventRunRow, NewEvent
from perdure.storage.instants import from_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.storage.interface import Session


async def read_event(tx: Session, environment_no: int, event_id: str) -> tuple[EventRow, list[EventRunRow]] | None:
    """Read an event with the runs that it started."""
    event = await events.find_event(tx, environment_no, event_id=event_id)
    return None if event is None else (event, await events.list_runs(tx, event.event_no))


def answer_of_event(event: NewEvent | EventRow, *, as_v2: bool = False) -> EventAnswer:
    """Show an event; for clients of the v2 protocol (section 9) one that nothing matched was not delivered."""
    return EventAnswer(
        event.id,
        event.name,
        event.payload,
        event.context,
        event.source,
        event.timestamp,
        event.deliver_at,
        None if as_v2 and event.is_unmatched else event.delivered_at,
        event.cancelled_at if isinstance(event, EventRow) else None,
        event.account_id,
    )


def details_of_event(event: EventRow, runs: Sequence[EventRunRow]) -> EventDetailsAnswer:
    """Show an event with the runs that it started."""
    return EventDetailsAnswer(
        answer_of_event(event),
        event.created_at,
        from_ms(event.seen_at),
        tuple(EventRunAnswer(run.id, run.job_id, run.status, run.started_at, run.completed_at) for run in runs),
    )
