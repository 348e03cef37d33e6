"""Events: sent, stored, looked up and forwarded (v2 protocol, sections 4.1, 8.3 and 11.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.messages.instant import Instant
from perdure.protocol.statuses import RunStatus

if TYPE_CHECKING:
    from perdure.protocol.events import EventRequest


class RawEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """An event as its sender gives it.

    Attributes:
        id: Default: a new one is made.
        source: Default: ``trigger.dev``.
        timestamp: Default: now.
        payload_type: ``REQUEST`` for a payload that is a `RequestPayload`. Default: ``JSON``.
    """

    name: str
    payload: Raw | UnsetType = UNSET
    context: Raw | UnsetType = UNSET
    id: str | UnsetType = UNSET
    timestamp: Instant | UnsetType = UNSET
    source: str | UnsetType = UNSET
    payload_type: Literal["JSON", "REQUEST"] | UnsetType = UNSET


class SendEventOptions(Struct, frozen=True, kw_only=True, rename="camel"):
    """When and for whom events are delivered; ``deliver_at`` wins over ``deliver_after``, which is in seconds."""

    deliver_at: Instant | UnsetType = UNSET
    deliver_after: int | UnsetType = UNSET
    account_id: str | UnsetType = UNSET


class SendEventBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``POST /api/v1/events``; the answer is an `ApiEventLog`."""

    event: RawEvent
    options: SendEventOptions | UnsetType = UNSET


class SendEventsBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``POST /api/v1/events/bulk``; the answer is a list of `ApiEventLog` in the same order."""

    events: list[RawEvent]
    options: SendEventOptions | UnsetType = UNSET


class ApiEventLog(Struct, frozen=True, kw_only=True, rename="camel"):
    """An event as it is stored.

    Attributes:
        id: The sender's id of it, not that of the record.
        payload: Never absent; ``{}`` stands for none.
    """

    id: str
    name: str
    payload: Raw
    context: Raw | UnsetType = UNSET
    timestamp: Instant
    deliver_at: Instant | UnsetType | None = UNSET
    delivered_at: Instant | UnsetType | None = UNSET
    cancelled_at: Instant | UnsetType | None = UNSET


class EventRun(Struct, frozen=True, kw_only=True, rename="camel"):
    """A run that an event started."""

    id: str
    status: RunStatus
    started_at: Instant | UnsetType | None = UNSET
    completed_at: Instant | UnsetType | None = UNSET


class EventAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of ``GET /api/v1/events/:id`` and ``GET /api/v2/events/:id``."""

    id: str
    name: str
    created_at: Instant
    updated_at: Instant
    runs: list[EventRun]


class ForwardedEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """The event posted to the callback of a task that waits for it; it becomes the task's output (section 8.3)."""

    id: str
    source: str
    name: str
    payload: Raw
    context: Raw
    timestamp: Instant
    account_id: str | UnsetType = UNSET


class RequestPayload(Struct, frozen=True, kw_only=True, rename="camel"):
    """The payload of an event that stands for an HTTP request (sections 9 and 11.1).

    Attributes:
        headers: Names in lower case.
        raw_body: The body as text; absent for a request without one.
    """

    url: str
    method: str
    headers: dict[str, str]
    raw_body: str | UnsetType = UNSET


def raw_event(event: EventRequest) -> RawEvent:
    """Write an event as the wire has it."""
    return RawEvent(
        name=event.name,
        payload=Raw(event.payload.encode()),
        context=Raw(event.context.encode()),
        id=UNSET if event.id is None else event.id,
        timestamp=UNSET if event.timestamp is None else Instant.of(event.timestamp),
        source=event.source,
    )
