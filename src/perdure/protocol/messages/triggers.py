"""Dynamic triggers and the rules of triggers (v2 protocol, sections 3.5, 3.8, 4.7 and 11.4)."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.messages.sources import SourceMetadata


class TriggerRule(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which events match: one of the names, the source, and both filters."""

    event: str | list[str]
    source: str
    payload: Raw | UnsetType = UNSET
    context: Raw | UnsetType = UNSET


class InitializeTriggerBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of INITIALIZE_TRIGGER and of the legacy route that leads to it; the answer is a `RegisterTriggerBody`.

    Attributes:
        id: That of the dynamic trigger in the action, the registration's key in the route.
    """

    id: str
    params: Raw
    account_id: str | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET


class RegisterTriggerBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``PUT /api/v2/:endpointSlug/triggers/:id/registrations/:key`` and its v1 form.

    The answer is a `sources.RegisterSourceEvent`.
    """

    rule: TriggerRule
    source: SourceMetadata
    account_id: str | UnsetType = UNSET
