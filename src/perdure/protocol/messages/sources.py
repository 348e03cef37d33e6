"""External sources: declared, registered and updated (v2 protocol, sections 3.5, 4.8 and 11.3)."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.messages.integrations import IntegrationConfig
from perdure.protocol.messages.tenancy import JobReference

ChannelType = Literal["HTTP", "SQS", "SMTP"]


class SourceMetadata(Struct, frozen=True, kw_only=True, rename="camel"):
    """A source as an app declares it.

    Attributes:
        version: ``"2"``, or ``"1"`` for one with ``events`` in place of ``options``. An absent one means ``"1"``.
        options: Wanted values by name of the option; ``event`` is always among them.
    """

    version: Literal["1", "2"] = "1"
    channel: ChannelType
    key: str
    params: Raw | UnsetType = UNSET
    options: dict[str, list[str]] | UnsetType = UNSET
    events: list[str] | UnsetType = UNSET
    integration: IntegrationConfig
    register_source_job: JobReference | UnsetType = UNSET

    def wanted_options(self) -> dict[str, list[str]]:
        """Return the options, whichever version declared them."""
        if self.options is not UNSET:
            return self.options
        return {"event": [] if self.events is UNSET else self.events}


class SourceChannel(Struct, frozen=True, kw_only=True, rename="camel"):
    """How a source is reached; ``url`` is that of an HTTP channel."""

    type: ChannelType
    url: str | UnsetType = UNSET


class RegisteredSource(Struct, frozen=True, kw_only=True, rename="camel"):
    """A source as it is stored; ``data`` is what the app kept there when it registered it."""

    key: str
    params: Raw | UnsetType = UNSET
    active: bool
    secret: str
    data: Raw | UnsetType = UNSET
    channel: SourceChannel
    client_id: str | UnsetType = UNSET


class OptionChanges(Struct, frozen=True, kw_only=True, rename="camel"):
    """The values of one option that are wanted, wanted and not registered, registered and not wanted."""

    desired: list[str]
    missing: list[str]
    orphaned: list[str]


class RegisterSourceEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is to be registered with the source's own service.

    The payload of ``dev.trigger.source.register.v2``, and the answer when a dynamic trigger is registered.
    """

    id: str
    source: RegisteredSource
    options: dict[str, OptionChanges]
    dynamic_trigger_id: str | UnsetType = UNSET


class RegisterSourceEventV1(Struct, frozen=True, kw_only=True, rename="camel"):
    """The same as older clients have it, who know no other option than the events."""

    id: str
    source: RegisteredSource
    events: list[str]
    missing_events: list[str]
    orphaned_events: list[str]
    dynamic_trigger_id: str | UnsetType = UNSET


class UpdateSourceBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``PUT /api/v2/:endpointSlug/sources/:key``: what has been registered."""

    key: str | UnsetType = UNSET
    secret: str | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
    options: dict[str, list[str]] | UnsetType = UNSET


class UpdateSourceBodyV1(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``PUT /api/v1/:endpointSlug/sources/:key``."""

    registered_events: list[str]
    secret: str | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
