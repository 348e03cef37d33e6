"""Events as they are stored and delivered, with the runs that they start: one transition each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from perdure.engine.event_waits import end_waits
from perdure.engine.starts import create_runs
from perdure.engine.waits import Resolved, Waking
from perdure.protocol.execution import SourceInfo
from perdure.storage import environments, events, timers
from perdure.storage.events import EventRow, NewEvent
from perdure.storage.runs import NewRun
from perdure.storage.timers import TimerKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.engine.executions import Reservation
    from perdure.protocol.execution import AccountInfo
    from perdure.storage.interface import Session
    from perdure.storage.run_queue import ClaimedRun


UPDATE_WINDOW = timedelta(seconds=5)
"""An event due at least so far ahead may still be replaced (v2 protocol, section 9)."""


class Ingest(Struct, frozen=True, gc=False):
    """An event with the runs it starts if it is new and due."""

    event: NewEvent
    runs: tuple[NewRun, ...]
    source: SourceInfo | None = None


class Delivery(Struct, frozen=True, gc=False):
    """A stored event that is due, with the runs it starts."""

    event: EventRow
    runs: tuple[NewRun, ...]


async def store_events(
    tx: Session, reservation: Reservation | None, environment_no: int, ingests: Sequence[Ingest], *, now: datetime
) -> tuple[list[NewEvent | EventRow], list[ClaimedRun]]:
    """Store events that no task waits for, and the runs they start; each is given as it is stored.

    It is a row if its id was known.
    """
    return await _store_events(tx, reservation, environment_no, [_known(one) for one in ingests], now=now)


def _known(ingest: Ingest) -> Ingest:
    """Say of an event which nobody waits for whether it is delivered to anybody."""
    if ingest.runs or ingest.event.delivered_at is None:
        return ingest
    return structs.replace(ingest, event=structs.replace(ingest.event, is_unmatched=True))


async def _store_events(
    tx: Session, reservation: Reservation | None, environment_no: int, ingests: Sequence[Ingest], *, now: datetime
) -> tuple[list[NewEvent | EventRow], list[ClaimedRun]]:
    stored: list[NewEvent | EventRow] = []
    held: list[ClaimedRun] = []
    for ingest in ingests:
        event = ingest.event
        account_no, account = await find_account(tx, environment_no, event.account_id)
        event_no = await events.insert_event(tx, environment_no, event=event, account_no=account_no, now=now)
        if event_no is None:
            stored.append(await _replace_event(tx, environment_no, event, now))
            continue
        stored.append(event)
        if ingest.source is not None:
            await events.keep_source(tx, event_no, ingest.source)
        if event.delivered_at is None:
            await timers.set_timer(tx, TimerKind.EVENT, subject_no=event_no, due_at=event.deliver_at)
        elif ingest.runs:
            held += await create_runs(
                tx, environment_no, event, event_no=event_no, account=account, planned=ingest.runs,
                reservation=reservation, now=now, source=ingest.source,
            )  # fmt: skip
    return stored, held


async def _replace_event(tx: Session, environment_no: int, event: NewEvent, now: datetime) -> NewEvent | EventRow:
    """Meet an id that is known: replace what is far away, leave the rest; the stored row."""
    far = now + UPDATE_WINDOW
    event_no = await events.replace_if_far(tx, environment_no, event=event, far=far, now=now)
    if event_no is not None:
        # If it is due now, too: it has to be matched under the name it was stored with.
        await timers.set_timer(tx, TimerKind.EVENT, subject_no=event_no, due_at=event.deliver_at)
    return await events.find_event(tx, environment_no, event_id=event.id) or event


async def store_awaited_events(
    tx: Session, environment_no: int, ingests: Sequence[Ingest], *, now: datetime
) -> Waking[list[NewEvent | EventRow]]:
    """Store events and the runs they start, and end the waits for them; the result is that of `store_events`."""
    stored, _ = await _store_events(tx, None, environment_no, ingests, now=now)
    resolved: list[Resolved] = []
    next_timer: datetime | None = None
    started = 0
    for position, ingest in enumerate(ingests):
        event = stored[position]
        if isinstance(event, NewEvent) and event.delivered_at is not None:
            started += len(ingest.runs)
            ended, has_more = await end_waits(tx, environment_no, event, now=now)
            resolved += ended
            next_timer = now if has_more else next_timer
            if not ended and not ingest.runs:
                await events.note_unmatched(tx, environment_no, event_id=event.id)
                stored[position] = structs.replace(event, is_unmatched=True)
    return Waking(stored, resolved, started, next_timer)


async def cancel_event(
    tx: Session, environment_no: int, event_id: str, *, now: datetime, may_be_unmatched: bool = False
) -> EventRow | None:
    """Cancel an event unless it was delivered; the event as it then is, or ``None`` if there is none.

    Args:
        tx: The transaction.
        environment_no: The environment.
        event_id: The event.
        now: The time.
        may_be_unmatched: Whether one that was delivered to nobody counts as not delivered.
    """
    event_no = await events.cancel_if_pending(tx, environment_no, event_id=event_id, now=now)
    if event_no is not None:
        await timers.delete_timer(tx, TimerKind.EVENT, subject_no=event_no)
    elif may_be_unmatched:
        await events.cancel_if_unmatched(tx, environment_no, event_id=event_id, now=now)
    return await events.find_event(tx, environment_no, event_id=event_id)


async def deliver_events(tx: Session, deliveries: Sequence[Delivery], *, now: datetime) -> Waking[int]:
    """Deliver events that are due and were matched; how many still were to be delivered."""
    delivered = started = 0
    resolved: list[Resolved] = []
    next_timer: datetime | None = None
    for delivery in deliveries:
        event = delivery.event
        if await events.deliver_if_pending(tx, event, now=now):
            delivered += 1
            await timers.delete_timer(tx, TimerKind.EVENT, subject_no=event.event_no)
            _, account = await find_account(tx, event.environment_no, event.account_id)
            await create_runs(
                tx, event.environment_no, event, event_no=event.event_no, account=account, planned=delivery.runs,
                reservation=None, now=now,
            )  # fmt: skip
            started += len(delivery.runs)
            ended, has_more = await end_waits(tx, event.environment_no, event, now=now)
            resolved += ended
            next_timer = now if has_more else next_timer
            if not ended and not delivery.runs:
                await events.note_unmatched(tx, event.environment_no, event_id=event.id)
    return Waking(delivered, resolved, started, next_timer)


async def find_account(
    tx: Session, environment_no: int, account_id: str | None
) -> tuple[int | None, AccountInfo | None]:
    """Find or create the account an event was sent for, if it names one."""
    if account_id is None:
        return None, None
    return await environments.open_account(tx, environment_no, account_id=account_id)
