"""Handing requests to the apps of their sources, which make events of them (v2 protocol, sections 11.2 and 11.3).

A request stands in the database since before it was answered. A node takes it, hands it over, and stores what came of
it; if the node dies in between, it is handed over again. Events have ids that are made of the request's, so that they
are stored once.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Raw

from perdure.engine.deliveries import delay_after
from perdure.engine.rounds import LONGEST, Rounds
from perdure.errors import JsonError, NotFoundError, StorageError, ValueTooLargeError
from perdure.protocol.endpoint import SourceApp, VendorApp
from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.execution import JsonText, SourceInfo
from perdure.protocol.json_text import check
from perdure.protocol.messages.delivery import SourceDelivery, WebhookDelivery, check_carried
from perdure.protocol.received import request_of
from perdure.storage import request_deliveries, sources
from perdure.storage.request_deliveries import RequestDelivery
from perdure.storage.sources import SourceKind
from perdure.transport.execution_body import connection_auth

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.engine.connections import Connections
    from perdure.engine.directory import Directory
    from perdure.engine.events import Events
    from perdure.engine.hints import Hints
    from perdure.engine.sources import Sources
    from perdure.protocol.messages.events import RawEvent
    from perdure.protocol.received import ReceivedRequest
    from perdure.storage.interface import Storage
    from perdure.storage.sources import SourceRow

ATTEMPTS = 14
"""How often a request is handed over before it is given up (v2 protocol, section 6.3)."""

LONGEST_ERROR = 500
"""How many characters are kept of why a request is none, or was given up."""

_WITHOUT_APP = timedelta(minutes=1)
_BLOCKED = timedelta(seconds=1)

_log = logging.getLogger(__name__)


class Handovers(Rounds[RequestDelivery]):
    """Hands over what is due, a bounded number at once."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        directory: Directory,
        events: Events,
        sources: Sources,
        hints: Hints,
        connections: Connections,
    ) -> None:
        # What is due and cannot be taken waits for another request of its source.
        super().__init__(
            storage,
            clock,
            request_deliveries,
            deal=self._hand_over,
            has_ended=lambda: hints.requests.set(),
            when_blocked=_BLOCKED,
        )
        self._directory = directory
        self._events = events
        self._sources = sources
        self._connections = connections

    async def _hand_over(self, one: RequestDelivery) -> None:
        try:
            async with asyncio.timeout(LONGEST.total_seconds()):
                said = await self._try(one)
            if said is None:
                until = self._clock.now() + _WITHOUT_APP
                await self._storage.write(request_deliveries.postpone_if_taken, one, until=until, counts=False)
            else:
                await self._storage.write(request_deliveries.delete_if_taken, one, context=said)
        except StorageError as error:
            # It is handed over again when it is due again.
            _log.warning("Request %s: %s", one.event_id, error.message)
        except Exception as error:
            await self._put_off(one, error)

    async def _try(self, one: RequestDelivery) -> JsonText | None:
        """Hand it over; what came of it, or ``None`` if its app is not here."""
        source, request = await self._storage.read(sources.find_by_number, one.source_no), request_of(one.payload)
        if source is None or request is None:
            return _outcome(error="There is no such source any more.")
        app: object = self._directory.app(source.environment_no, source.endpoint_id)
        if not isinstance(app, VendorApp if source.kind is SourceKind.WEBHOOK else SourceApp):
            return None
        if isinstance(app, VendorApp) and source.kind is SourceKind.WEBHOOK:
            delivery = WebhookDelivery(
                key=source.key,
                secret=self._sources.secret(source),
                params=Raw(source.params.encode()),
                http_url=request.url,
                http_method=request.method,
                http_headers=request.headers,
            )
            answer = await app.deliver_webhook(delivery, request.body)
            return _outcome(
                verified=answer.verified, error=None if answer.error is UNSET else answer.error[:LONGEST_ERROR]
            )
        return await self._make_events(app, source, request, one)

    async def _make_events(
        self, app: SourceApp, source: SourceRow, request: ReceivedRequest, one: RequestDelivery
    ) -> JsonText:
        answer = await app.deliver_source(await self._source_delivery(source, request), request.body)
        made = [_event(event, f"{one.event_id}:{at}") for at, event in enumerate(answer.events)]
        if made:
            context = None
            if source.registration is not None:
                context = SourceInfo(source.registration, source.registration_metadata)
            options = EventOptions(account_id=source.account_id)
            await self._events.send(source.environment_no, made, options, source=context)
        if answer.metadata is not UNSET:
            await self._keep_metadata(source, bytes(answer.metadata))
        return _outcome(events=len(made))

    async def _keep_metadata(self, source: SourceRow, given: bytes) -> None:
        """Keep what goes with the next request; what cannot would hold up all that come."""
        try:
            metadata = check_carried(given, "Its metadata")
        except (JsonError, ValueTooLargeError) as error:
            _log.warning("What the app of source %r has given with a request is not kept: %s", source.key, error)
        else:
            await self._storage.write(sources.keep_metadata, source.number, metadata=metadata)

    async def _source_delivery(self, source: SourceRow, request: ReceivedRequest) -> SourceDelivery:
        auth = None
        if source.hosted is not None:
            with suppress(NotFoundError):
                auth = await self._connections.find(source.environment_no, source.hosted, source.account_id)
        return SourceDelivery(
            key=source.key,
            secret=self._sources.secret(source),
            params=Raw(source.params.encode()),
            auth=UNSET if auth is None else connection_auth(auth),
            data=Raw(b"{}" if source.data is None else source.data.encode()),
            dynamic_id=UNSET if source.dynamic_id is None else source.dynamic_id,
            metadata=UNSET if source.metadata is None else Raw(source.metadata.encode()),
            http_url=request.url,
            http_method=request.method,
            http_headers=request.headers,
        )

    async def _put_off(self, one: RequestDelivery, error: Exception) -> None:
        what = f"{type(error).__name__}: {error}"
        try:
            if one.attempts >= ATTEMPTS:
                _log.error("Request %s is no longer handed to its app: %s", one.event_id, what)
                await self._storage.write(
                    request_deliveries.delete_if_taken, one, context=_outcome(error=what[:LONGEST_ERROR])
                )
                return
            _log.warning("Request %s could not be handed to its app: %s", one.event_id, what)
            until = self._clock.now() + delay_after(one.attempts)
            await self._storage.write(request_deliveries.postpone_if_taken, one, until=until, counts=True)
        except StorageError as failure:
            _log.warning("Request %s: %s", one.event_id, failure.message)


def _outcome(**members: object) -> JsonText:
    given = {name: value for name, value in members.items() if value is not None}
    return JsonText(msgspec.json.encode(given).decode())


def _event(event: RawEvent, event_id: str) -> EventRequest:
    return EventRequest(
        event.name,
        _json(event.payload),
        event_id if event.id is UNSET else event.id,
        _json(event.context),
        "trigger.dev" if event.source is UNSET else event.source,
        None if event.timestamp is UNSET else event.timestamp,
    )


def _json(text: Raw | msgspec.UnsetType) -> JsonText:
    return JsonText("{}" if text is UNSET else check(bytes(text)))
