"""Ephemeral event dispatchers: one event, posted to one URL (v2 protocol, section 4.9)."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType


class EphemeralDispatcherBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``POST /api/v1/event-dispatchers/ephemeral``; the answer is an `answers.IdAnswer`.

    Attributes:
        url: Where the first matching event is posted, as an `events.ForwardedEvent`.
        source: Default: ``trigger.dev``.
        timeout_in_seconds: Seconds after which it ends without an event.
    """

    url: str
    name: str | list[str]
    source: str | UnsetType = UNSET
    filter: Raw | UnsetType = UNSET
    context_filter: Raw | UnsetType = UNSET
    account_id: str | UnsetType = UNSET
    timeout_in_seconds: int = 3600
