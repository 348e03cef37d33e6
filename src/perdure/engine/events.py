"""Events: stored once, matched, and turned into runs, all in one transition."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.engine.starts import create_runs
from perdure.errors import InvalidArgumentError, ValueTooLargeError
from perdure.protocol.ids import RUN_PREFIX, IdGenerator
from perdure.protocol.platform import EventAnswer, EventOptions, EventRequest
from perdure.storage import environments, events, timers
from perdure.storage.events import EventRow, NewEvent
from perdure.storage.instants import from_ms, to_due_ms, to_ms
from perdure.storage.runs import NewRun
from perdure.storage.timers import TimerKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.executions import Reservation
    from perdure.engine.hints import Hints
    from perdure.engine.starts import Starts
    from perdure.protocol.execution import AccountInfo
    from perdure.storage.interface import Session, Storage
    from perdure.storage.run_queue import ClaimedRun

MAX_NAME_LENGTH = 512
MAX_ID_LENGTH = 1000
MAX_PAYLOAD_BYTES = 512 * 1024
UPDATE_WINDOW = timedelta(seconds=5)
"""An event due at least so far ahead may still be replaced (v2 protocol, section 9)."""

_NOT_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Ingest(Struct, frozen=True):
    """An event with the runs it starts if it is new and due."""

    event: NewEvent
    runs: tuple[NewRun, ...]


class Delivery(Struct, frozen=True):
    """A stored event that is due, with the runs it starts."""

    event: EventRow
    runs: tuple[NewRun, ...]


class Events:
    """Takes events in and delivers those whose time has come."""

    def __init__(
        self, storage: Storage, clock: Clock, ids: IdGenerator, directory: Directory, starts: Starts, hints: Hints
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._starts = starts
        self._hints = hints

    async def send(
        self, environment_no: int, requests: Sequence[EventRequest], options: EventOptions
    ) -> list[EventAnswer]:
        """Store events, all or none, and deliver those that are due; returns when that is durable.

        Raises:
            InvalidArgumentError: A name, id or time is not acceptable.
            ValueTooLargeError: A payload or context has more than 512 KiB.
        """
        now = self._clock.now()
        deliver_at = delivery_time(options, now)
        ingests = [self._plan(environment_no, request, options.account_id, deliver_at, now) for request in requests]
        planned = [run for ingest in ingests for run in ingest.runs]
        stored = await self._starts.write(planned, store_events, environment_no, ingests, now=now)
        for ingest, row in zip(ingests, stored, strict=True):
            event = ingest.event if row is None else row
            if event.delivered_at is None:
                self._hints.timer_is_set(event.deliver_at)
        return [_answer(ingest.event if row is None else row) for ingest, row in zip(ingests, stored, strict=True)]

    def _plan(
        self, environment_no: int, request: EventRequest, account_id: str | None, deliver_at: datetime, now: datetime
    ) -> Ingest:
        check_event(request)
        is_due = deliver_at <= now
        event = NewEvent(
            self._ids.ulid() if request.id is None else request.id,
            request.name,
            request.source,
            request.payload,
            request.context,
            now if request.timestamp is None else from_ms(to_ms(request.timestamp)),
            deliver_at,
            now if is_due else None,
            account_id,
        )
        return Ingest(event, self._match(environment_no, event) if is_due else ())

    def _match(self, environment_no: int, event: NewEvent | EventRow) -> tuple[NewRun, ...]:
        matches = self._directory.subscriptions(environment_no).match(
            event.name,
            source=event.source,
            account_id=event.account_id,
            payload=event.payload,
            context=event.context,
        )
        new = self._ids.new
        return tuple(
            [
                NewRun(new(RUN_PREFIX), one.job_no, one.job_id, one.version_no, one.version, one.dispatcher_no)
                for one in matches
            ]
        )

    async def deliver_due(self, *, limit: int) -> int:
        """Deliver events whose timer is due; how many were."""
        now = self._clock.now()
        due = await self._storage.read(events.list_due_events, now=now, limit=limit)
        if not due:
            return 0
        deliveries = [Delivery(event, self._match(event.environment_no, event)) for event in due]
        planned = [run for delivery in deliveries for run in delivery.runs]
        return await self._starts.write(planned, deliver_events, deliveries, now=now)


def delivery_time(options: EventOptions, now: datetime) -> datetime:
    """When events with these options are delivered.

    Raises:
        InvalidArgumentError: Both ways to say it are used, or the time is naive, negative or out of range.
    """
    at, after = options.deliver_at, options.deliver_after
    if at is not None and after is not None:
        raise InvalidArgumentError("deliver_at and deliver_after exclude each other; give one of them.")
    if after is not None:
        if not after >= 0:
            raise InvalidArgumentError(f"deliver_after={after!r}: the delay must not be negative.")
        try:
            return from_ms(to_due_ms(now + timedelta(seconds=after)))
        except OverflowError as error:
            raise InvalidArgumentError(f"deliver_after={after!r} is too far ahead.") from error
    if at is None:
        return now
    _check_aware(at, "deliver_at")
    return from_ms(to_due_ms(at))


def check_event(request: EventRequest) -> None:
    """Refuse an event that cannot be stored.

    Raises:
        InvalidArgumentError: Its name, source, id or timestamp is not acceptable.
        ValueTooLargeError: Its payload or context has more than 512 KiB of UTF-8.
    """
    _check_name(request.name, "name", MAX_NAME_LENGTH)
    _check_name(request.source, "source", MAX_NAME_LENGTH)
    if request.id is not None:
        _check_name(request.id, "id", MAX_ID_LENGTH)
    if request.timestamp is not None:
        _check_aware(request.timestamp, "timestamp")
    check_size(request.payload, "payload")
    check_size(request.context, "context")


def check_size(text: str, what: str) -> None:
    """Refuse JSON text of more than 512 KiB.

    Raises:
        ValueTooLargeError: It has more.
    """
    # A character has at most four bytes, so short texts need not be encoded to be measured.
    if len(text) * 4 > MAX_PAYLOAD_BYTES and len(text.encode()) > MAX_PAYLOAD_BYTES:
        raise ValueTooLargeError(
            f"The {what} has {len(text.encode())} bytes of JSON; at most {MAX_PAYLOAD_BYTES} may be sent."
        )


def _check_name(value: str, what: str, limit: int) -> None:
    if not 1 <= len(value) <= limit:
        raise InvalidArgumentError(f"An event's {what} has 1 to {limit} characters; this one has {len(value)}.")
    if not value.isascii() or not value.isprintable():
        found = _NOT_IN_NAMES.search(value)
        if found is not None:
            raise InvalidArgumentError(f"The event's {what} {value!r} contains the control character {found[0]!r}.")


def _check_aware(at: datetime, what: str) -> None:
    if at.utcoffset() is None:
        raise InvalidArgumentError(f"{what}={at!r} has no time zone; use an aware datetime.")


async def store_events(
    tx: Session, reservation: Reservation | None, environment_no: int, ingests: Sequence[Ingest], *, now: datetime
) -> tuple[list[EventRow | None], list[ClaimedRun]]:
    """Store events and the runs they start; for each the stored row if its id was known, else ``None``."""
    rows: list[EventRow | None] = []
    held: list[ClaimedRun] = []
    for ingest in ingests:
        event = ingest.event
        account_no, account = await find_account(tx, environment_no, event.account_id)
        event_no = await events.insert_event(tx, environment_no, event=event, account_no=account_no, now=now)
        if event_no is None:
            rows.append(await _replace_event(tx, environment_no, event, now))
            continue
        rows.append(None)
        if event.delivered_at is None:
            await timers.set_timer(tx, TimerKind.EVENT, subject_no=event_no, due_at=event.deliver_at)
        elif ingest.runs:
            held += await create_runs(
                tx, environment_no, event, event_no=event_no, account=account, planned=ingest.runs,
                reservation=reservation, now=now,
            )  # fmt: skip
    return rows, held


async def _replace_event(tx: Session, environment_no: int, event: NewEvent, now: datetime) -> EventRow | None:
    """Meet an id that is known: replace what is far away, leave the rest; the stored row."""
    far = now + UPDATE_WINDOW
    event_no = await events.replace_if_far(tx, environment_no, event=event, far=far, now=now)
    if event_no is not None:
        # If it is due now, too: it has to be matched under the name it was stored with.
        await timers.set_timer(tx, TimerKind.EVENT, subject_no=event_no, due_at=event.deliver_at)
    return await events.find_event(tx, environment_no, event_id=event.id)


async def deliver_events(
    tx: Session, reservation: Reservation | None, deliveries: Sequence[Delivery], *, now: datetime
) -> tuple[int, list[ClaimedRun]]:
    """Deliver events that are due and were matched; how many still were to be delivered."""
    delivered = 0
    held: list[ClaimedRun] = []
    for delivery in deliveries:
        event = delivery.event
        if await events.deliver_if_pending(tx, event, now=now):
            delivered += 1
            await timers.delete_timer(tx, TimerKind.EVENT, subject_no=event.event_no)
            _, account = await find_account(tx, event.environment_no, event.account_id)
            held += await create_runs(
                tx, event.environment_no, event, event_no=event.event_no, account=account, planned=delivery.runs,
                reservation=reservation, now=now,
            )  # fmt: skip
    return delivered, held


async def find_account(
    tx: Session, environment_no: int, account_id: str | None
) -> tuple[int | None, AccountInfo | None]:
    """Find or create the account an event was sent for, if it names one."""
    if account_id is None:
        return None, None
    return await environments.open_account(tx, environment_no, account_id=account_id)


def _answer(event: NewEvent | EventRow) -> EventAnswer:
    return EventAnswer(
        event.id,
        event.name,
        event.payload,
        event.context,
        event.source,
        event.timestamp,
        event.deliver_at,
        event.delivered_at,
        event.cancelled_at if isinstance(event, EventRow) else None,
        event.account_id,
    )
