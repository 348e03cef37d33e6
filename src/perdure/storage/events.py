"""Event records: stored once per id, delivered once, or cancelled."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.execution import JsonText
from perdure.protocol.statuses import RunStatus
from perdure.storage.instants import from_ms, from_ms_or_none, to_due_ms, to_ms
from perdure.storage.json_lists import number_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.protocol.execution import SourceInfo
    from perdure.storage.interface import Session


class NewEvent(Struct, frozen=True, gc=False):
    """An event about to be stored; ``delivered_at`` is set if it is delivered in the same transaction.

    ``payload_type`` is ``REQUEST`` if it is an HTTP request. ``is_unmatched``: it is delivered to nobody.
    """

    id: str
    name: str
    source: str
    payload: JsonText
    context: JsonText
    timestamp: datetime
    deliver_at: datetime
    delivered_at: datetime | None
    account_id: str | None = None
    is_internal: bool = False
    payload_type: str | None = None
    is_unmatched: bool = False


class EventRow(Struct, frozen=True, gc=False):
    """A stored event; ``seen_at`` tells whether it was replaced since it was read.

    ``is_unmatched``: it was delivered to nobody.
    """

    event_no: int
    environment_no: int
    id: str
    name: str
    source: str
    payload: JsonText
    context: JsonText
    timestamp: datetime
    deliver_at: datetime
    delivered_at: datetime | None
    cancelled_at: datetime | None
    created_at: datetime
    seen_at: int
    account_id: str | None
    is_unmatched: bool


class EventRunRow(Struct, frozen=True, gc=False):
    """A run that an event started."""

    id: str
    job_id: str
    status: RunStatus
    started_at: datetime | None
    completed_at: datetime | None


def read_event_row(row: Any) -> EventRow:
    """Read an event from the columns that a query gives in the order of `find_event`."""
    (no, eid, name, source, payload, context, timestamp, deliver, delivered, cancelled, created, updated, environment,
     account, is_unmatched) = row  # fmt: skip
    return EventRow(
        no, environment, eid, name, source, payload, context, from_ms(timestamp), from_ms(deliver),
        from_ms_or_none(delivered), from_ms_or_none(cancelled), from_ms(created), updated, account,
        is_unmatched == 1,
    )  # fmt: skip


async def insert_event(
    tx: Session, environment_no: int, *, event: NewEvent, account_no: int | None, now: datetime
) -> int | None:
    """Store an event; its number, or ``None`` if the environment has one with this id."""
    delivered_at = event.delivered_at
    row = await tx.one(
        "insert_event", environment_no, event.id, event.name, event.source, event.payload, event.context,
        event.payload_type, to_ms(event.timestamp), account_no, event.is_internal, to_ms(now),
        to_due_ms(event.deliver_at), None if delivered_at is None else to_ms(delivered_at),
        event.is_unmatched,
    )  # fmt: skip
    return None if row is None else cast("tuple[int]", row)[0]


async def keep_source(tx: Session, event_no: int, source: SourceInfo) -> None:
    """Remember what the runs of an event are told of where it comes from."""
    await tx.run("keep_event_source", source.id, source.metadata, event_no)


async def replace_if_far(
    tx: Session, environment_no: int, *, event: NewEvent, far: datetime, now: datetime
) -> int | None:
    """Give a pending event that is due at ``far`` or later another content and time; its number, or ``None``."""
    row = await tx.one(
        "replace_event_if_far", event.payload, event.context, to_due_ms(event.deliver_at), to_ms(now), environment_no,
        event.id, to_ms(far),
    )  # fmt: skip
    return None if row is None else cast("tuple[int]", row)[0]


async def find_event(tx: Session, environment_no: int, *, event_id: str) -> EventRow | None:
    """Look an event up by the sender's id."""
    row = await tx.one("find_event", environment_no, event_id)
    return None if row is None else read_event_row(row)


async def list_due_events(tx: Session, environment_nos: Iterable[int], *, now: datetime, limit: int) -> list[EventRow]:
    """List events of these environments whose timer is due, first due first."""
    rows = await tx.all("list_due_events", to_ms(now), number_list(environment_nos), limit)
    return [read_event_row(row) for row in rows]


async def deliver_if_pending(tx: Session, event: EventRow, *, now: datetime) -> bool:
    """Mark an event delivered, unless it was delivered, cancelled or replaced since it was read."""
    return await tx.run("deliver_if_pending", to_ms(now), event.event_no, event.seen_at) == 1


async def note_unmatched(tx: Session, environment_no: int, *, event_id: str) -> None:
    """Remember that an event was delivered to nobody."""
    await tx.run("note_unmatched", environment_no, event_id)


async def cancel_if_unmatched(tx: Session, environment_no: int, *, event_id: str, now: datetime) -> int | None:
    """Cancel an event that was delivered, if that was to nobody; its number, or ``None``."""
    row = await tx.one("cancel_event_if_unmatched", to_ms(now), environment_no, event_id)
    return None if row is None else cast("tuple[int]", row)[0]


async def cancel_if_pending(tx: Session, environment_no: int, *, event_id: str, now: datetime) -> int | None:
    """Cancel an event, unless it was delivered or cancelled; its number, or ``None``."""
    row = await tx.one("cancel_event_if_pending", to_ms(now), environment_no, event_id)
    return None if row is None else cast("tuple[int]", row)[0]


async def list_runs(tx: Session, event_no: int) -> list[EventRunRow]:
    """List the runs that an event started, oldest first."""
    return [_read_event_run(row) for row in await tx.all("list_runs_of_event", event_no)]


async def keep_waits_below(tx: Session, environment_no: int, *, event_id: str, below: int) -> int:
    """Remember that an event still ends waits of tasks before that number; the event's number."""
    return cast("tuple[int]", await tx.one("keep_waits_below", below, environment_no, event_id))[0]


async def find_with_waits(tx: Session, event_no: int) -> tuple[EventRow, int] | None:
    """Look up an event that still ends waits: with the number before which their tasks are."""
    row = await tx.one("find_event_with_waits", event_no)
    return None if row is None else (read_event_row(row[:-1]), cast("int", row[-1]))


def _read_event_run(row: Any) -> EventRunRow:
    run_id, job_id, status, started, completed = row
    return EventRunRow(run_id, job_id, RunStatus(status), from_ms_or_none(started), from_ms_or_none(completed))
