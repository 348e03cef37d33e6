"""Registrations with dynamic triggers, and what their sources are registered as (v2 protocol, sections 4.7 and 4.8)."""

from __future__ import annotations

from msgspec import Struct

from perdure.protocol.json_text import JsonText


class RegisterTrigger(Struct, frozen=True, gc=False):
    """Register something with a dynamic trigger under a key, in place of what was.

    Attributes:
        endpoint_id: The app that has the trigger.
        trigger_id: The trigger.
        key: Names the registration.
        names: The names of the events that start the trigger's jobs.
        source: The source that they must have.
        source_key: Names what the vendor is to know, among what the app registers with it.
        params: What it is registered with.
        options: What the vendor is to send, lists of values by name; ``event`` is among the names.
        filter: What the payloads of the events must match.
        account_id: The account that the runs concern.
    """

    endpoint_id: str
    trigger_id: str
    key: str
    names: tuple[str, ...]
    source: str
    source_key: str
    params: JsonText
    options: dict[str, list[str]]
    filter: JsonText | None = None
    account_id: str | None = None


class TriggerAnswer(Struct, frozen=True, gc=False):
    """A registration; ``url``: where the vendor is to send, ``is_active``: whether it has been told."""

    trigger_id: str
    key: str
    source_key: str
    url: str
    is_active: bool
    account_id: str | None


class UpdateSource(Struct, frozen=True, gc=False):
    """A source is registered with its vendor, with these options; what is ``None`` stays as it is."""

    endpoint_id: str
    key: str
    options: dict[str, list[str]]
    secret: str | None = None
    data: JsonText | None = None


class UpdatedSource(Struct, frozen=True, gc=False):
    """The source that was updated."""

    id: str
    key: str
