"""`io.send_event` and `io.send_events`: events that a run sends exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from perdure.errors import InvalidArgumentError
from perdure.sdk.answers import record_of
from perdure.sdk.events import event_options, event_request, event_requests
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.io.part import Part
from perdure.sdk.records import EventRecord

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from datetime import datetime, timedelta

    from perdure.protocol.events import EventOptions, EventRequest
    from perdure.protocol.keys import CacheKey
    from perdure.sdk.execution import Execution
    from perdure.sdk.io.body import RunningTask
    from perdure.sdk.records import Event

_DETAILS = details_text(icon="send")


class EventCalls(Part):
    """Sending events."""

    def send_event(
        self,
        key: CacheKey | None = None,
        *,
        name: str,
        payload: Any = None,
        id: str | None = None,
        context: Any = None,
        source: str | None = None,
        timestamp: datetime | None = None,
        deliver_at: datetime | None = None,
        deliver_after: float | timedelta | None = None,
        account_id: str | None = None,
    ) -> Coroutine[Any, Any, EventRecord]:
        """Send an event; jobs whose trigger it matches start.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            name: 1–512 characters without control characters.
            payload: A JSON value, a model, … of at most 512 KiB as JSON; default ``{}``.
            id: Names the event: the same id again is the same event. Default: one that belongs to this task, so
                that a body run twice sends one event.
            context: A JSON value handed on as ``ctx.event.context``.
            source: Default ``trigger.dev``, which event triggers listen to unless told otherwise.
            timestamp: When it happened; default: now.
            deliver_at: Deliver it then, not now.
            deliver_after: Deliver it so many seconds from now.
            account_id: The external account it concerns.

        Raises:
            InvalidArgumentError: A field is outside its limits, or both delivery times are given.
            ValueTooLargeError: The payload is over 512 KiB.

        See also: v2 protocol, sections 4.1 and 9.
        """
        request = event_request(name=name, payload=payload, id=id, context=context, source=source, timestamp=timestamp)
        options = event_options(deliver_at=deliver_at, deliver_after=deliver_after, account_id=account_id)
        task = TaskOptions(
            operation="send_event",
            name=f"Send Event {name}",
            params=params_text(_compared([request], options)[0]),
            as_type=EventRecord,
            details=_DETAILS,
        )
        return self._start("send_event", key, _Send(self._execution, [request], options, is_one=True), task, _Send)

    def send_events(
        self,
        key: CacheKey | None = None,
        events: Sequence[Event | Mapping[str, Any]] | None = None,
        *,
        deliver_at: datetime | None = None,
        deliver_after: float | timedelta | None = None,
        account_id: str | None = None,
    ) -> Coroutine[Any, Any, list[EventRecord]]:
        """Send several events, all or none.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            events: `Event`s, or dicts with the same names.
            deliver_at: Deliver them then, not now.
            deliver_after: Deliver them so many seconds from now.
            account_id: The external account they concern.

        Raises:
            InvalidArgumentError: A field of one is outside its limits; none is sent.
            ValueTooLargeError: A payload is over 512 KiB; none is sent.
        """
        if events is None:
            raise InvalidArgumentError(
                'io.send_events needs its events: io.send_events("key", [...]), or io.send_events(events=[...]).'
            )
        requests = event_requests(events)
        options = event_options(deliver_at=deliver_at, deliver_after=deliver_after, account_id=account_id)
        task = TaskOptions(
            operation="send_events",
            name="Send Multiple Events",
            params=params_text(_compared(requests, options)),
            as_type=list[EventRecord],
            details=details_text(icon="send", properties=[{"label": "Total Events", "text": str(len(requests))}]),
        )
        return self._start("send_events", key, _Send(self._execution, requests, options, is_one=False), task, _Send)


def _compared(requests: Sequence[EventRequest], options: EventOptions) -> list[dict[str, Any]]:
    """The parameters of a call that are shown, and compared on replay: not the instants."""
    later = {} if options.deliver_after is None else {"deliver_after": options.deliver_after}
    return [
        {
            "name": one.name,
            "payload": msgspec.Raw(one.payload),
            "id": one.id,
            "context": msgspec.Raw(one.context),
            "source": one.source,
            "account_id": options.account_id,
            **later,
        }
        for one in requests
    ]


class _Send:
    """The body: sends with ids that belong to the task."""

    def __init__(
        self, execution: Execution, requests: Sequence[EventRequest], options: EventOptions, *, is_one: bool
    ) -> None:
        self._execution = execution
        self._requests = requests
        self._options = options
        self._is_one = is_one

    async def __call__(self, task: RunningTask) -> EventRecord | list[EventRecord]:
        requests = [
            one if one.id is not None else msgspec.structs.replace(one, id=_event_id(task.idempotency_key, at))
            for at, one in enumerate(self._requests)
        ]
        answers = await self._execution.held_platform.send_events(requests, self._options)
        records = [record_of(answer) for answer in answers]
        return records[0] if self._is_one else records


def _event_id(task_key: str, at: int) -> str:
    return f"evt_{task_key[:26]}{f'_{at}' if at else ''}"
