"""Requests of vendors to webhooks and external sources: stored, for their apps to make events of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.sources import find_known
from perdure.errors import NotFoundError
from perdure.protocol.limits import NAME_LIMIT
from perdure.protocol.received import delivery_id
from perdure.storage import events, request_deliveries, sources
from perdure.storage.sources import SourceKind, SourceRow

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.events import Events
    from perdure.engine.hints import Hints
    from perdure.protocol.received import ReceivedRequest
    from perdure.storage.events import NewEvent
    from perdure.storage.interface import Session, Storage

SOURCE_PREFIX = "httpsource."
"""What the name of an event begins with that is a request to an external source; its key follows."""


class SourceIntake:
    """Takes the requests to sources.

    Args:
        storage: The database.
        clock: The time.
        events: Makes events.
        hints: Is told of requests.
    """

    def __init__(self, storage: Storage, clock: Clock, events: Events, hints: Hints) -> None:
        self._storage = storage
        self._clock = clock
        self._events = events
        self._hints = hints

    async def find_webhook(self, environment_no: int, key: str) -> SourceRow | None:
        """Look up the webhook whose requests come to an HTTP endpoint, if it has one."""
        return await self._storage.read(sources.find, environment_no, kind=SourceKind.WEBHOOK, key=key)

    async def find_source(self, source_id: str) -> SourceRow:
        """Look up the source that a URL names.

        Raises:
            NotFoundError: There is none.
        """
        source = await self._storage.read(sources.find_by_id, source_id)
        if source is None or source.kind is not SourceKind.SOURCE:
            raise NotFoundError("Source not found")
        return source

    async def take(self, source: SourceRow, request: ReceivedRequest) -> None:
        """Store a request to an external source, if that is active."""
        if source.is_active:
            named = delivery_id(request)
            event_id = None if named is None else f"{source.id}.{named}"
            await self.receive(source, request, name=f"{SOURCE_PREFIX}{source.key}"[:NAME_LIMIT], event_id=event_id)

    async def replay(self, environment_no: int, key: str, request: ReceivedRequest, *, event_id: str) -> NewEvent:
        """Take in a request to an external source once more; the event that it is.

        Raises:
            NotFoundError: There is no such source.
        """
        source = await find_known(self._storage, environment_no, SourceKind.SOURCE, key)
        return await self.receive(source, request, name=f"{SOURCE_PREFIX}{key}", event_id=event_id)

    async def receive(
        self, source: SourceRow, request: ReceivedRequest, *, name: str, event_id: str | None
    ) -> NewEvent:
        """Store a request that its app is to make events of; one whose id is known is stored once.

        Raises:
            ValueTooLargeError: As JSON the request has more than 2 MiB.
        """
        now = self._clock.now()
        event = self._events.event_of(request, name=name, source=source.key[:500], event_id=event_id, now=now)
        await self._storage.write(_store_request, source, event, now=now)
        self._hints.requests.set()
        return event


async def _store_request(tx: Session, source: SourceRow, event: NewEvent, *, now: datetime) -> None:
    event_no = await events.insert_event(tx, source.environment_no, event=event, account_no=None, now=now)
    if event_no is not None:
        await request_deliveries.insert(tx, event_no, source_no=source.number, now=now)
