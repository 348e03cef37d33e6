"""Storing sources: those that an app declares, and those that are registered with dynamic triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, Struct

from perdure.engine.names import check_rule, check_text, check_wanted
from perdure.errors import InvalidArgumentError, NotFoundError
from perdure.protocol.endpoint import EventTriggerSpec, SourceSpec
from perdure.protocol.event_filter import compile_event_filter
from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import check, load
from perdure.protocol.limits import ID_LIMIT
from perdure.protocol.messages.delivery import check_carried
from perdure.storage import dynamic_triggers, environments, jobs, sources
from perdure.storage.sources import NewSource, SourceKind, SourceRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Raw, UnsetType

    from perdure.protocol.messages.triggers import RegisterTriggerBody
    from perdure.protocol.sources import RegisterTrigger
    from perdure.storage.interface import Session
    from perdure.storage.jobs import DispatcherRow

LONGEST_KEY = 512
"""How many characters the key of a registration may have."""


class Registration(Struct, frozen=True):
    """What is registered with a dynamic trigger under a key."""

    source_id: str
    trigger_id: str
    key: str
    rule: EventTriggerSpec
    source_key: str
    params: JsonText
    options: dict[str, list[str]]
    account_id: str | None
    metadata: JsonText | None
    hosted: str | None = None

    @classmethod
    def of(
        cls, source_id: str, trigger_id: str, key: str, body: RegisterTriggerBody, metadata: JsonText | None
    ) -> Registration:
        """Read it.

        Raises:
            InvalidArgumentError: The key is none, or a name of an event, a source or an account.
            InvalidFilterError: A filter cannot be compiled.
            ValueTooLargeError: The params of its source are too large to go with each request.
        """
        _check_key(key)
        rule, source = body.rule, body.source
        names = (rule.event,) if isinstance(rule.event, str) else tuple(rule.event)
        check_rule(names, rule.source)
        check_text(source.key, "The key of a source", limit=ID_LIMIT)
        check_wanted(source.wanted_options())
        if source.integration.hosted is not None:
            check_text(source.integration.hosted, "The id of an integration", limit=ID_LIMIT)
        if body.account_id is not UNSET:
            check_text(body.account_id, "The id of an account", limit=ID_LIMIT)
        return cls(
            source_id,
            trigger_id,
            key,
            EventTriggerSpec(names, rule.source, _filter(rule.payload, "filter"), _filter(rule.context, "context")),
            f"{trigger_id}:{key}:{source.key}",
            JsonText("{}" if source.params is UNSET else check_carried(bytes(source.params), "The params of a source")),
            source.wanted_options(),
            None if body.account_id is UNSET else body.account_id,
            metadata,
            source.integration.hosted,
        )

    @classmethod
    def of_call(cls, source_id: str, call: RegisterTrigger) -> Registration:
        """Read it as an app of this process says it.

        Raises:
            InvalidArgumentError: The key is none.
            InvalidFilterError: The filter cannot be compiled.
        """
        _check_key(call.key)
        if call.filter is not None:
            compile_event_filter(load(call.filter), path="filter")
        return cls(
            source_id,
            call.trigger_id,
            call.key,
            EventTriggerSpec(call.names, call.source, call.filter),
            f"{call.trigger_id}:{call.key}:{call.source_key}",
            call.params,
            call.options,
            call.account_id,
            None,
        )


def _check_key(key: str) -> None:
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable() or "\ufffd" in key:
        raise InvalidArgumentError(f"The key of a registration has 1 to {LONGEST_KEY} printable characters.")


async def store_declared(
    tx: Session, environment_no: int, endpoint_id: str, named: Sequence[tuple[str, SourceSpec]]
) -> list[SourceRow]:
    """Store the webhooks and sources that an app declares; each is given the id for the case that it is new."""
    stored: list[SourceRow] = []
    for source_id, spec in named:
        kind = SourceKind.WEBHOOK if spec.is_webhook else SourceKind.SOURCE
        new = NewSource(source_id, kind, spec.key, spec.params, spec.wanted, hosted=spec.hosted)
        stored.append(await sources.put(tx, environment_no, endpoint_id=endpoint_id, source=new))
    return stored


async def store_registration(
    tx: Session, environment_no: int, endpoint_id: str, wanted: Registration
) -> tuple[SourceRow, list[DispatcherRow]]:
    """Register something with a dynamic trigger; its source, and the subscriptions now in force.

    Raises:
        NotFoundError: The app has no such dynamic trigger.
    """
    if not await dynamic_triggers.exists(tx, environment_no, endpoint_id=endpoint_id, id=wanted.trigger_id):
        raise NotFoundError(f"The endpoint {endpoint_id!r:.80} has no dynamic trigger {wanted.trigger_id!r:.80}.")
    account_no = None
    if wanted.account_id is not None:
        account_no, _ = await environments.open_account(tx, environment_no, account_id=wanted.account_id)
    new = NewSource(
        wanted.source_id, SourceKind.SOURCE, wanted.source_key, wanted.params, wanted.options, account_no,
        wanted.trigger_id, wanted.key, wanted.metadata, wanted.hosted,
    )  # fmt: skip
    source = await sources.put(tx, environment_no, endpoint_id=endpoint_id, source=new)
    await dynamic_triggers.put_dispatcher(
        tx, environment_no, source_id=source.id, rule=wanted.rule, account_no=account_no
    )
    return source, await jobs.list_dispatchers(tx, environment_no)


def _filter(text: Raw | UnsetType, path: str) -> JsonText | None:
    if text is UNSET or bytes(text).strip() in (b"null", b"{}"):
        return None
    checked = JsonText(check(bytes(text)))
    compile_event_filter(load(checked), path=path, lenient=True)
    return checked
