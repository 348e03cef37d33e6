"""Dynamic triggers: what starts their jobs is registered while the app runs (v2 protocol, section 11.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from msgspec import structs

from perdure.errors import InvalidArgumentError
from perdure.protocol.endpoint import DynamicTriggerSpec, JobSpec
from perdure.protocol.execution import JsonText
from perdure.protocol.ids import slugify
from perdure.protocol.json_text import dump, load
from perdure.protocol.limits import ID_LIMIT
from perdure.protocol.sources import RegisterTrigger, TriggerAnswer, UpdateSource
from perdure.sdk.external_source import ExternalSource, SourceUpdate, read_change
from perdure.sdk.job import Job
from perdure.sdk.names import check_name
from perdure.sdk.records import TriggerRegistration
from perdure.sdk.schedules import io_at_hand
from perdure.sdk.scope import current_scope
from perdure.sdk.triggers import EventTrigger, Trigger, event_trigger

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from perdure.protocol.endpoint import TriggerSpec
    from perdure.protocol.keys import CacheKey
    from perdure.sdk.io import IO
    from perdure.sdk.sync_triggers import SyncDynamicTrigger

T = TypeVar("T")

REGISTER_EVENT = "dev.trigger.source.register.v2"


class DynamicTrigger(Trigger[T], frozen=True, kw_only=True):
    """Starts jobs with the events of whatever is registered with it; made by ``client.define_dynamic_trigger``.

    Attributes:
        id: Names it in the environment.
        event: Which events.
        source: Where they come from.
        endpoint_id: The client's id.
    """

    id: str
    event: EventTrigger[T]
    source: ExternalSource
    endpoint_id: str

    def spec(self) -> TriggerSpec:
        """Give the trigger as the platform registers it."""
        return DynamicTriggerSpec(self.id)

    def register(
        self,
        key: CacheKey | None = None,
        id: str | None = None,
        params: Any = None,
        *,
        account_id: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> Coroutine[Any, Any, TriggerRegistration]:
        """Register something with it under an id, in place of what was: a task of the current run.

        Its events start every job of the trigger from then on. A run of its own registers it with the service, if that
        does not know it yet.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            id: Names the registration, such as the id of a customer: 1 to 512 characters. It must be given.
            params: A JSON value that the source is registered with.
            account_id: The external account that the runs concern, as ``ctx.account``.
            filter: What the payloads of the events must match, beside what trigger and source say.

        Raises:
            NotInRunError: The calling code belongs to no run; there, `Client.register_trigger` is the call.
            NotFoundError: The environment has never seen the trigger.
            InvalidFilterError: The filter cannot be compiled.
            InvalidArgumentError: Another argument is outside what it may be.

        See also: v2 protocol, sections 4.7 and 11.4.
        """
        return self._io("register").register_trigger(key, self, id, params, account_id=account_id, filter=filter)

    @property
    def sync(self) -> SyncDynamicTrigger:
        """`register` for plain functions: it blocks."""
        from perdure.sdk.sync_triggers import SyncDynamicTrigger

        return SyncDynamicTrigger(self)

    def _io(self, call: str) -> IO:
        from perdure.sdk.io import IO

        return io_at_hand(IO, call, f"In a plain function, call trigger.sync.{call}, which blocks.", what="trigger")


def make_trigger(id: str, *, event: EventTrigger[T], source: ExternalSource, endpoint_id: str) -> DynamicTrigger[T]:
    """Make a dynamic trigger; see `Client.define_dynamic_trigger`.

    Raises:
        InvalidArgumentError: An argument is none.
    """
    slug = slugify(id) if isinstance(id, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance]
    check_name(slug or id, what="The id of a dynamic trigger", limit=200)
    if not slug:
        raise InvalidArgumentError(f"The id of a dynamic trigger has letters, digits or one of - _ ~; {id!r} has none.")
    if not isinstance(event, EventTrigger) or type(event) is not EventTrigger:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgumentError(f"event= is what event_trigger makes, not {event!r:.80}.")
    if not isinstance(source, ExternalSource):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgumentError(f"source= is an ExternalSource, not {source!r:.80}.")
    return DynamicTrigger(schema=event.schema, id=slug, event=event, source=source, endpoint_id=endpoint_id)


def trigger_call(
    trigger: DynamicTrigger[Any] | None,
    id: object,
    params: Any,
    *,
    account_id: str | None,
    filter: Mapping[str, Any] | None,
) -> RegisterTrigger:
    """Make the message that registers something with a dynamic trigger.

    Raises:
        InvalidArgumentError: An argument is outside what it may be.
        InvalidFilterError: The filter cannot be compiled.
    """
    if not isinstance(trigger, DynamicTrigger):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgumentError(f"The trigger is what client.define_dynamic_trigger makes, not {trigger!r:.80}.")
    event = trigger.event
    text = JsonText(dump({} if params is None else params, root="params"))
    plain = load(text)
    own: dict[str, Any] = {} if event.filter is None else load(event.filter)
    merged = merge_filters(trigger.source.filter(plain), own, {} if filter is None else filter)
    if merged:
        from perdure.protocol.event_filter import compile_event_filter

        compile_event_filter(merged, path="filter")
    return RegisterTrigger(
        trigger.endpoint_id,
        trigger.id,
        check_name(id, what="The id of a registration"),
        event.names,
        event.source,
        trigger.source.key(plain),
        text,
        {"event": list(event.names)},
        JsonText(dump(merged, root="filter")) if merged else None,
        None if account_id is None else check_name(account_id, what="account_id", limit=ID_LIMIT),
    )


def merge_filters(*filters: Mapping[str, Any]) -> dict[str, Any]:
    """Put filters together (v2 protocol, section 12.1): of two lists under one key the later one counts."""
    merged: dict[str, Any] = {}
    for one in filters:
        for name, part in one.items():
            before = merged.get(name)
            nested = isinstance(before, Mapping) and isinstance(part, Mapping)
            merged[name] = merge_filters(cast("Any", before), cast("Any", part)) if nested else part
    return merged


def registration_of(answer: TriggerAnswer) -> TriggerRegistration:
    """Make the record of a registration."""
    return TriggerRegistration(
        id=answer.key,
        trigger_id=answer.trigger_id,
        source_key=answer.source_key,
        url=answer.url,
        account_id=answer.account_id,
        active=answer.is_active,
    )


class RegisteringJob(Job[dict[str, Any], None]):
    """The job that registers what is registered with a dynamic trigger with the service that it is of."""

    def spec(self) -> JobSpec:
        """Give the job as the platform registers it: it is not listed."""
        return structs.replace(super().spec(), internal=True)


def registering_job(trigger: DynamicTrigger[Any]) -> RegisteringJob:
    """Make the job of a dynamic trigger that is started when something is to be registered with its service."""

    async def register(payload: dict[str, Any], io: IO) -> None:
        change = read_change(payload)
        update = await trigger.source.register(change, io)
        if not isinstance(update, SourceUpdate):
            if update is not None:
                raise InvalidArgumentError(f"register= of {trigger.source!r} gives a SourceUpdate or None.")
            update = SourceUpdate()
        options = change.wanted if update.options is None else {key: list(one) for key, one in update.options.items()}
        data = None if update.data is None else JsonText(dump(update.data, root="data"))
        call = UpdateSource(trigger.endpoint_id, change.key, options, update.secret, data)

        async def tell() -> None:
            await current_scope.get().execution.held_platform.update_source(call)

        await io.run_task("update-source", tell, name="Update Source", params={"key": change.key})

    return RegisteringJob(
        register,
        id=f"register-dynamic-trigger-{trigger.id}",
        name=f"Register dynamic trigger {trigger.id}",
        version="1.0.0",
        trigger=event_trigger(REGISTER_EVENT, filter={"dynamicTriggerId": [trigger.id]}),
    )
