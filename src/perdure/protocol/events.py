"""Events: what is asked to be sent, and what the platform answers of them."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from perdure.protocol.execution import JsonText
from perdure.protocol.statuses import RunStatus


class EventRequest(Struct, frozen=True, gc=False):
    """An event to send (v2 protocol, section 4.1). ``id=None``: a new one is made.

    ``is_request``: its payload is an HTTP request, of which filters see the parsed body (v2 protocol, section 9).
    """

    name: str
    payload: JsonText = JsonText("{}")
    id: str | None = None
    context: JsonText = JsonText("{}")
    source: str = "trigger.dev"
    timestamp: datetime | None = None
    is_request: bool = False


class EventOptions(Struct, frozen=True, gc=False):
    """When and for whom a batch of events is delivered; ``deliver_after`` is in seconds."""

    deliver_at: datetime | None = None
    deliver_after: float | None = None
    account_id: str | None = None


class EventAnswer(Struct, frozen=True, gc=False):
    """An event record."""

    id: str
    name: str
    payload: JsonText
    context: JsonText
    source: str
    timestamp: datetime
    deliver_at: datetime
    delivered_at: datetime | None
    cancelled_at: datetime | None
    account_id: str | None


class EventRunAnswer(Struct, frozen=True, gc=False):
    """A run that an event started."""

    id: str
    job_id: str
    status: RunStatus
    started_at: datetime | None
    completed_at: datetime | None


class EventDetailsAnswer(Struct, frozen=True, gc=False):
    """An event record with the runs that it started, oldest first."""

    event: EventAnswer
    created_at: datetime
    updated_at: datetime
    runs: tuple[EventRunAnswer, ...]
