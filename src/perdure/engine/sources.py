"""Webhooks, external sources and dynamic triggers of apps, as registered with vendors (v2 protocol, section 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET
from msgspec.structs import replace

from perdure.engine.names import check_wanted
from perdure.engine.source_changes import (
    REGISTER_SOURCE,
    REGISTER_WEBHOOK,
    changes,
    is_to_be_registered,
    source_event,
    still_wanted,
    webhook_payload,
)
from perdure.engine.source_registration import Registration, store_declared, store_registration
from perdure.errors import InvalidArgumentError, NotFoundError
from perdure.protocol.endpoint import VendorApp
from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import check
from perdure.protocol.limits import SECRET_LIMIT
from perdure.protocol.messages.codec import encode_message
from perdure.protocol.messages.delivery import check_carried
from perdure.protocol.messages.sources import OptionChanges, RegisterSourceEvent
from perdure.protocol.messages.triggers import InitializeTriggerBody
from perdure.protocol.sources import TriggerAnswer
from perdure.storage import request_deliveries, sources
from perdure.storage.sources import SourceKind, SourceRow

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.events import Events
    from perdure.engine.hints import Hints
    from perdure.engine.receiving_urls import ReceivingUrls
    from perdure.engine.secret_box import SecretBox
    from perdure.protocol.endpoint import Index
    from perdure.protocol.ids import IdGenerator
    from perdure.protocol.messages.triggers import RegisterTriggerBody
    from perdure.protocol.sources import RegisterTrigger
    from perdure.storage.interface import Storage
    from perdure.storage.sources import Wanted


class Sources:
    """Has sources registered with their vendors.

    Args:
        storage: The database.
        clock: The time.
        ids: Makes ids.
        directory: Knows the apps.
        events: Stores events.
        urls: Makes URLs.
        secrets: Keeps their secrets.
        hints: Is told of requests.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        ids: IdGenerator,
        directory: Directory,
        *,
        events: Events,
        urls: ReceivingUrls,
        secrets: SecretBox,
        hints: Hints,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._events = events
        self._urls = urls
        self._secrets = secrets
        self._hints = hints

    def url(self, source: SourceRow) -> str:
        """Give the URL that a source's requests go to."""
        if source.kind is SourceKind.WEBHOOK:
            return self._urls.of_endpoint(source.environment_no, source.key)
        return self._urls.of_source(source.id)

    def secret(self, source: SourceRow) -> str:
        """Give the secret that a source's vendor may sign with."""
        if source.secret is None:
            return self._secrets.receiving_secret(source.id)
        return self._secrets.unseal(source.secret, of=source.id)

    # Registering.

    async def declare(self, environment_no: int, index: Index) -> None:
        """Store the webhooks and sources that an app declares, and have registered what has to be."""
        named = [(self._ids.new("source_"), spec) for spec in index.sources]
        if named:
            stored = await self._storage.write(store_declared, environment_no, index.endpoint_id, named)
            for source in stored:
                if is_to_be_registered(source):
                    await self._publish(source)
        await self._storage.write(request_deliveries.hasten, environment_no, now=self._clock.now())
        self._hints.requests.set()

    async def register_trigger(
        self,
        environment_no: int,
        *,
        endpoint_id: str,
        trigger_id: str,
        key: str,
        body: RegisterTriggerBody,
        idempotency_key: str | None,
        metadata: JsonText | None = None,
    ) -> RegisterSourceEvent:
        """Register something with a dynamic trigger under a key: its events start the trigger's jobs from now on.

        Raises:
            NotFoundError: The app has no such dynamic trigger.
            InvalidArgumentError: The key is none.
            InvalidFilterError: A filter cannot be compiled.
        """
        wanted = Registration.of(self._ids.new("source_"), trigger_id, key, body, metadata)
        source = await self._register(environment_no, endpoint_id, wanted, event_id=idempotency_key)
        given = {
            name: OptionChanges(desired=values, missing=[], orphaned=[]) for name, values in source.desired.items()
        }
        return source_event(source, given, url=self.url(source), secret=self.secret(source))

    async def register(self, environment_no: int, call: RegisterTrigger) -> TriggerAnswer:
        """Register something with a dynamic trigger, as `register_trigger` does.

        Raises:
            NotFoundError: The app has no such dynamic trigger.
            InvalidArgumentError: The key is none.
            InvalidFilterError: The filter cannot be compiled.
        """
        wanted = Registration.of_call(self._ids.new("source_"), call)
        source = await self._register(environment_no, call.endpoint_id, wanted)
        return TriggerAnswer(
            call.trigger_id, call.key, source.key, self.url(source), source.is_active, source.account_id
        )

    async def _register(
        self, environment_no: int, endpoint_id: str, wanted: Registration, *, event_id: str | None = None
    ) -> SourceRow:
        source, dispatchers = await self._storage.write(store_registration, environment_no, endpoint_id, wanted)
        self._directory.subscribe(environment_no, dispatchers)
        if is_to_be_registered(source):
            await self._publish(source, event_id=event_id)
        return source

    async def initialize_trigger(
        self, environment_no: int, *, endpoint_id: str, trigger_id: str, body: InitializeTriggerBody
    ) -> RegisterSourceEvent:
        """Register something with a dynamic trigger as its app says (v2 protocol, section 3.8).

        Raises:
            NotFoundError: The app is not there, or has no such dynamic trigger.
            PerdureError: It does not say how.
        """
        app: object = self._directory.app(environment_no, endpoint_id)
        if not isinstance(app, VendorApp):
            raise NotFoundError(f"There is no endpoint {endpoint_id!r:.80} here.")
        asked = InitializeTriggerBody(
            id=trigger_id, params=body.params, account_id=body.account_id, metadata=body.metadata
        )
        said = await app.initialize_trigger(asked)
        if said.account_id is UNSET:
            # An app of the npm package does not say it again.
            said = replace(said, account_id=body.account_id)
        return await self.register_trigger(
            environment_no,
            endpoint_id=endpoint_id,
            trigger_id=trigger_id,
            key=body.id,
            body=said,
            idempotency_key=None,
            metadata=None if body.metadata is UNSET else JsonText(check(bytes(body.metadata))),
        )

    async def _publish(self, source: SourceRow, *, event_id: str | None = None) -> None:
        """Start the job that registers a source with its vendor."""
        url, secret = self.url(source), self.secret(source)
        if source.kind is SourceKind.WEBHOOK:
            name, payload = f"{REGISTER_WEBHOOK}{source.key}", webhook_payload(source, url=url, secret=secret)
        else:
            event = source_event(source, changes(source), url=url, secret=secret)
            name, payload = REGISTER_SOURCE, JsonText(encode_message(event).decode())
            await self._storage.write(sources.keep_registered, source.number, registered=still_wanted(source))
        request = EventRequest(name, payload, event_id or f"{source.id}:{self._ids.ulid()}")
        await self._events.send(source.environment_no, [request], EventOptions(), is_internal=True)

    # Being told what is registered.

    async def update_source(
        self,
        environment_no: int,
        *,
        endpoint_id: str,
        key: str,
        options: Wanted,
        secret: str | None,
        data: JsonText | None,
    ) -> SourceRow:
        """Note that a source is registered with its vendor, with these options (v2 protocol, section 4.8).

        Raises:
            NotFoundError: The app has no such source.
            InvalidArgumentError: The secret is none.
            ValueTooLargeError: The data is too large to go with each request.
        """
        if data is not None:
            check_carried(data.encode(), "The data of a source")
        if secret is not None and len(secret) > SECRET_LIMIT:
            raise InvalidArgumentError(f"The secret of a source has {SECRET_LIMIT:,} characters at most.")
        source = await find_known(self._storage, environment_no, SourceKind.SOURCE, key)
        if source.endpoint_id != endpoint_id:
            raise NotFoundError(f"The endpoint {endpoint_id!r:.80} has no source {key!r:.80}.")
        registered = {
            name: [value for value in source.desired.get(name, []) if value in values or
                   value in source.registered.get(name, [])]
            for name, values in {**source.registered, **options}.items()
            if name in source.desired or name in source.registered
        }  # fmt: skip
        sealed = None if secret is None else self._secrets.seal(secret, of=source.id)
        await self._storage.write(sources.activate, source.number, registered=registered, data=data, secret=sealed)
        return source

    async def update_webhook(
        self, environment_no: int, *, key: str, is_active: bool, config: Wanted | None
    ) -> SourceRow:
        """Note that a webhook is registered with its vendor, or no longer (v2 protocol, section 4.8).

        Raises:
            NotFoundError: There is no such webhook.
            InvalidArgumentError: A name or a value in the config is none.
        """
        check_wanted(config or {})
        source = await find_known(self._storage, environment_no, SourceKind.WEBHOOK, key)
        await self._storage.write(sources.keep_webhook, source.number, is_active=is_active, registered=config)
        return source


async def find_known(storage: Storage, environment_no: int, kind: SourceKind, key: str) -> SourceRow:
    """Look a webhook or a source up by its key.

    Raises:
        NotFoundError: There is none.
    """
    source = await storage.read(sources.find, environment_no, kind=kind, key=key)
    if source is None:
        what = "webhook" if kind is SourceKind.WEBHOOK else "source"
        raise NotFoundError(f"There is no {what} {key!r:.80} in this environment.")
    return source
