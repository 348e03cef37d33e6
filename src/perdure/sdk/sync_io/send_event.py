"""The calls of `perdure.sdk.io.send_event`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.sdk.blocking import SyncPart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.records import Event, EventRecord


class SyncEventCalls(SyncPart):
    """`EventCalls` for plain functions: the same calls, blocking.

    Sending events.
    """

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
    ) -> EventRecord:
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
        return self._run(
            self._io.send_event(
                key,
                name=name,
                payload=payload,
                id=id,
                context=context,
                source=source,
                timestamp=timestamp,
                deliver_at=deliver_at,
                deliver_after=deliver_after,
                account_id=account_id,
            )
        )

    def send_events(
        self,
        key: CacheKey | None = None,
        events: Sequence[Event | Mapping[str, Any]] | None = None,
        *,
        deliver_at: datetime | None = None,
        deliver_after: float | timedelta | None = None,
        account_id: str | None = None,
    ) -> list[EventRecord]:
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
        return self._run(
            self._io.send_events(key, events, deliver_at=deliver_at, deliver_after=deliver_after, account_id=account_id)
        )
