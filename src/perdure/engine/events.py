"""Events: stored once, matched, and turned into runs, all in one transition."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec import structs

from perdure.engine.event_limits import check_account, check_batch, check_event, delivery_time
from perdure.engine.event_views import answer_of_event, details_of_event, read_event
from perdure.engine.event_waits import BATCH, end_more_waits
from perdure.engine.ingests import Delivery, Ingest, cancel_event, deliver_events, store_awaited_events, store_events
from perdure.engine.waits import Waking
from perdure.errors import AlreadyDeliveredError, NotFoundError, ValueTooLargeError
from perdure.protocol.execution import JsonText, SourceInfo
from perdure.protocol.ids import RUN_PREFIX, IdGenerator
from perdure.protocol.limits import REQUEST_LIMIT
from perdure.protocol.received import REQUEST, request_payload, request_view, view_of
from perdure.storage import events, timers
from perdure.storage.events import EventRow, NewEvent
from perdure.storage.instants import from_ms, to_ms
from perdure.storage.runs import NewRun
from perdure.storage.timers import TimerKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.hints import Hints
    from perdure.engine.line import Line
    from perdure.engine.matching import Subscription
    from perdure.engine.starts import Starts
    from perdure.protocol.events import EventAnswer, EventDetailsAnswer, EventOptions, EventRequest
    from perdure.protocol.received import ReceivedRequest
    from perdure.storage.interface import Session, Storage

R = TypeVar("R")

_UNKNOWN = "There is no event {!r} in this environment."


class Events:
    """Takes events in and delivers those whose time has come."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        ids: IdGenerator,
        directory: Directory,
        starts: Starts,
        line: Line,
        hints: Hints,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._starts = starts
        self._line = line
        self._hints = hints

    async def send(
        self,
        environment_no: int,
        requests: Sequence[EventRequest],
        options: EventOptions,
        *,
        source: SourceInfo | None = None,
        is_internal: bool = False,
        as_v2: bool = False,
    ) -> list[EventAnswer]:
        """Store events, all or none, and deliver those that are due; returns when that is durable.

        Args:
            environment_no: The environment.
            requests: The events.
            options: What holds for all of them.
            source: What runs are told as ``ctx.source``.
            is_internal: Whether the platform itself makes them.
            as_v2: Whether one that nothing matched is shown as not delivered.

        Raises:
            InvalidArgumentError: There are too many, or a name, id or time is not acceptable.
            ValueTooLargeError: A payload or context has more than 512 KiB.
        """
        check_batch(len(requests))
        now = self._clock.now()
        deliver_at = delivery_time(options, now)
        check_account(options.account_id)
        ingests = [self._plan(environment_no, request, options.account_id, deliver_at, now) for request in requests]
        if source is not None or is_internal:
            ingests = [
                Ingest(structs.replace(ingest.event, is_internal=is_internal), ingest.runs, source)
                for ingest in ingests
            ]
        return [answer_of_event(one, as_v2=as_v2) for one in await self._take_in(environment_no, ingests, now)]

    async def store_with(
        self, environment_no: int, transition: Callable[[Session], Awaitable[tuple[R, Sequence[EventRequest]]]]
    ) -> R:
        """Run a transition and store, in its unit of work, the events that it gives; they are delivered at once.

        Args:
            environment_no: The environment.
            transition: Gives its result with the events, which are acceptable as they are.

        Returns:
            Its result, when all of it is durable.
        """
        now = self._clock.now()

        async def store(tx: Session) -> Waking[R]:
            result, requests = await transition(tx)
            ingests = [self._plan(environment_no, request, None, now, now) for request in requests]
            stored = await store_awaited_events(tx, environment_no, ingests, now=now)
            return Waking(result, stored.resolved, stored.in_line, stored.next_timer)

        return await self._line.wake(1, store)

    async def receive(
        self, environment_no: int, request: ReceivedRequest, *, name: str, source: str, event_id: str | None
    ) -> EventAnswer:
        """Store a request as an event, delivered at once; one whose id is known is stored and delivered once.

        Args:
            environment_no: The environment.
            request: The request.
            name: The event's name.
            source: Its source.
            event_id: Its id; ``None``: a new one.

        Returns:
            The event, which is the first one of its id.

        Raises:
            ValueTooLargeError: As JSON the request has more than 2 MiB.
        """
        now = self._clock.now()
        event = self.event_of(request, name=name, source=source, event_id=event_id, now=now)
        subscriptions = self._directory.subscriptions(environment_no)
        matches = subscriptions.match_request(name, source=source, view=request_view(request))
        stored = await self._take_in(environment_no, [Ingest(event, self._new_runs(matches))], now)
        return answer_of_event(stored[0])

    def event_of(
        self, request: ReceivedRequest, *, name: str, source: str, event_id: str | None, now: datetime
    ) -> NewEvent:
        """Make the event that a request is, delivered at once.

        Raises:
            ValueTooLargeError: As JSON the request has more than 2 MiB.
        """
        payload = request_payload(request)
        if len(payload) > REQUEST_LIMIT:
            raise ValueTooLargeError(
                f"As JSON the request has {len(payload):,} characters; at most {REQUEST_LIMIT:,} are stored."
            )
        return NewEvent(
            self._ids.ulid() if event_id is None else event_id, name, source, payload, JsonText("{}"), now, now, now,
            payload_type=REQUEST,
        )  # fmt: skip

    async def _take_in(
        self, environment_no: int, ingests: Sequence[Ingest], now: datetime
    ) -> Sequence[NewEvent | EventRow]:
        if self._directory.may_be_awaited(environment_no, [ingest.event.name for ingest in ingests]):
            # Waits end in the commit that stores the event, and what they wake is claimed in it.
            count = sum(len(ingest.runs) + 1 for ingest in ingests)
            stored = await self._line.wake(count, store_awaited_events, environment_no, ingests, now=now)
        else:
            planned = [run for ingest in ingests for run in ingest.runs]
            stored = await self._starts.write(planned, store_events, environment_no, ingests, now=now)
        for event in stored:
            if event.delivered_at is None:
                self._hints.timer_is_set(event.deliver_at)
        return stored

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
            payload_type=REQUEST if request.is_request else None,
        )
        return Ingest(event, self._match(environment_no, event) if is_due else ())

    def _match(self, environment_no: int, event: NewEvent | EventRow) -> tuple[NewRun, ...]:
        subscriptions = self._directory.subscriptions(environment_no)
        if isinstance(event, NewEvent) and event.payload_type is not None:
            view = view_of(event.payload)
            matches = subscriptions.match_request(
                event.name, source=event.source, view=view, account_id=event.account_id, context=event.context
            )
            return self._new_runs(matches)
        matches = subscriptions.match(
            event.name,
            source=event.source,
            account_id=event.account_id,
            payload=event.payload,
            context=event.context,
        )
        return self._new_runs(matches)

    def _new_runs(self, matches: Sequence[Subscription]) -> tuple[NewRun, ...]:
        new = self._ids.new
        return tuple(
            [
                NewRun(new(RUN_PREFIX), one.job_no, one.job_id, one.version_no, one.version, one.dispatcher_no)
                for one in matches
            ]
        )

    async def get(self, environment_no: int, event_id: str) -> EventDetailsAnswer:
        """Look an event up with the runs that it started.

        Raises:
            NotFoundError: The environment has no such event.
        """
        found = await self._storage.read(read_event, environment_no, event_id)
        if found is None:
            raise NotFoundError(_UNKNOWN.format(event_id))
        return details_of_event(*found)

    async def cancel(self, environment_no: int, event_id: str, *, as_v2: bool = False) -> EventAnswer:
        """Cancel an event whose delivery lies ahead; one that was cancelled stays as it is.

        Args:
            environment_no: The environment.
            event_id: The event.
            as_v2: Whether one that nothing matched counts as not delivered.

        Raises:
            NotFoundError: The environment has no such event.
            AlreadyDeliveredError: It was delivered.
        """
        event = await self._storage.write(
            cancel_event, environment_no, event_id, now=self._clock.now(), may_be_unmatched=as_v2
        )
        if event is None:
            raise NotFoundError(_UNKNOWN.format(event_id))
        if event.delivered_at is not None:
            raise AlreadyDeliveredError(
                f"The event {event_id!r} was delivered at {event.delivered_at.isoformat()}. The runs it started can be "
                "cancelled instead: client.cancel_runs_for_event."
            )
        return answer_of_event(event)

    async def deliver_due(self, limit: int) -> int:
        """Deliver events whose timer is due; how many were."""
        now = self._clock.now()
        due = await self._storage.read(events.list_due_events, self._directory.tenants, now=now, limit=limit)
        if not due:
            return 0
        deliveries = [Delivery(event, self._match(event.environment_no, event)) for event in due]
        return await self._line.wake(limit, deliver_events, deliveries, now=now)

    async def wake_more(self, limit: int) -> int:
        """End further waits of events that end more than one transaction could; how many such events there were."""
        now = self._clock.now()
        due = await self._storage.read(timers.list_due, TimerKind.WAITS, now=now, limit=limit)
        for event_no in due:
            await self._line.wake(BATCH, end_more_waits, event_no, now=now)
        return len(due)
