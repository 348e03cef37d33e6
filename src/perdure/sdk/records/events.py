"""Events, as they are sent, looked up, and given to jobs that wait for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from perdure.protocol.statuses import RunStatus as RunState

T = TypeVar("T")


class Event(msgspec.Struct, frozen=True):
    """An event to send, for ``send_events``.

    Attributes:
        name: 1–512 characters without control characters.
        payload: A JSON value, a model, …; of at most 512 KiB as JSON. Default ``{}``.
        id: Names the event: the same id again is the same event. Default: a new one.
        context: A JSON value handed on as ``ctx.event.context``. Default ``{}``.
        source: Default ``trigger.dev``, which event triggers listen to unless told otherwise.
        timestamp: When it happened, an aware ``datetime``; default: now.

    See also: v2 protocol, section 4.1.
    """

    name: str
    payload: Any = None
    id: str | None = None
    context: Any = None
    source: str | None = None
    timestamp: datetime | None = None


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was sent.

    Attributes:
        id: The sender's id of the event.
        name: Its name.
        payload: Its payload, as JSON.
        context: Its context, as JSON.
        source: Its source.
        timestamp: When it happened.
        deliver_at: When it is, or was to be, delivered.
        delivered_at: When it was delivered, also if no job listened; ``None`` before.
        cancelled_at: When it was cancelled, or ``None``.
        account_id: The external account it was sent for, or ``None``.
    """

    id: str
    name: str
    payload: Any
    context: Any
    source: str
    timestamp: datetime
    deliver_at: datetime
    delivered_at: datetime | None
    cancelled_at: datetime | None
    account_id: str | None


class EventRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that an event started.

    Attributes:
        id: The run's id.
        job_id: The job it is a run of.
        status: Where it stands.
        started_at: When it was first executed, or ``None``.
        completed_at: When it ended, or ``None``.
    """

    id: str
    job_id: str
    status: RunState
    started_at: datetime | None
    completed_at: datetime | None


class EventDetails(EventRecord, frozen=True, kw_only=True):
    """An event that was sent, with the runs that it started.

    Attributes:
        created_at: When it was first sent.
        updated_at: When it was last sent again in place of what it was, delivered or cancelled.
        runs: The runs that it started, oldest first.
    """

    created_at: datetime
    updated_at: datetime
    runs: tuple[EventRun, ...]


class ReceivedEvent(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """An event that a run waited for.

    Attributes:
        id: The sender's id.
        name: The event's name.
        source: Its source.
        payload: Its payload, as the call's ``schema=`` says, else as JSON.
        context: Its context, as JSON.
        timestamp: When it happened.
        account_id: The external account it was sent for, or ``None``.
    """

    id: str
    name: str
    source: str
    payload: T
    context: Any
    timestamp: datetime
    account_id: str | None = None
