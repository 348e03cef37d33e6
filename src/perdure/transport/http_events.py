"""Events, over HTTP."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from perdure.protocol.api_bodies import SendEvents
from perdure.protocol.events import EventAnswer, EventDetailsAnswer
from perdure.protocol.ids import IdGenerator
from perdure.protocol.management import EventFilter, EventPageAnswer
from perdure.protocol.runs import CancelAnswer
from perdure.transport.http_part import HttpPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.protocol.events import EventOptions, EventRequest
    from perdure.transport.http_part import Link

_ALL = EventFilter()


class HttpEvents(HttpPart):
    """Sends events, looks them up, lists and cancels them."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._ids = IdGenerator(os.urandom, lambda: time.time_ns() // 1_000_000)

    async def send_events(self, events: Sequence[EventRequest], options: EventOptions) -> list[EventAnswer]:
        """Store the events, all or none, and deliver those that are due; returns when they are durable."""
        # With an id, an event that is sent again is the same one.
        named = tuple(event if event.id is not None else replace(event, id=self._ids.ulid()) for event in events)
        return await self._post(list[EventAnswer], "events", body=SendEvents(named, options))

    async def get_event(self, event_id: str) -> EventDetailsAnswer:
        """Look an event up with the runs that it started."""
        return await self._get(EventDetailsAnswer, "events", event_id)

    async def cancel_event(self, event_id: str) -> EventAnswer:
        """Cancel an event whose delivery lies ahead; one that was cancelled stays as it is.

        Raises:
            AlreadyDeliveredError: It was delivered.
        """
        return await self._post(EventAnswer, "events", event_id, "cancel")

    async def cancel_runs_for_event(self, event_id: str) -> CancelAnswer:
        """Cancel the runs of an event that have not ended."""
        return await self._post(CancelAnswer, "events", event_id, "cancel-runs")

    async def list_events(
        self, filter: EventFilter = _ALL, *, cursor: str | None = None, take: int = 20
    ) -> EventPageAnswer:
        """List a page of events, newest first."""
        return await self._get(
            EventPageAnswer,
            "events",
            name=filter.name,
            pending="true" if filter.is_pending else None,
            internal="true" if filter.internal else None,
            requests="true" if filter.is_request else None,
            cursor=cursor,
            take=take,
        )
