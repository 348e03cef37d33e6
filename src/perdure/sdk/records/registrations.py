"""What a schedule gives a run, and what is registered with dynamic schedules and triggers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class ScheduledPayload(msgspec.Struct, frozen=True, rename={"last_timestamp": "lastTimestamp"}):
    """The payload of a job that a schedule has started.

    Attributes:
        ts: The time of the tick, as planned.
        last_timestamp: That of the tick before; ``None`` at the first.

    See also: v2 protocol, section 10.2.
    """

    ts: datetime
    last_timestamp: datetime | None = None


class ScheduleRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A registration with a dynamic schedule.

    Attributes:
        id: What it was registered as; runs that it starts find it as ``ctx.source.id``.
        seconds: How far apart its ticks are, if they are equally far apart, else ``None``.
        cron: The cron expression, else ``None``.
        timezone: The time zone that the cron expression is meant in, or ``None``.
        account_id: The external account that its runs concern, or ``None``.
        metadata: What was registered with it, as JSON, or ``None``.
        active: Whether it ticks; not any more once it was unregistered.
    """

    id: str
    seconds: int | None
    cron: str | None
    timezone: str | None
    account_id: str | None
    metadata: Any
    active: bool


class TriggerRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A registration with a dynamic trigger.

    Attributes:
        id: What it was registered as; runs that it starts find it as ``ctx.source.id``.
        trigger_id: The dynamic trigger.
        source_key: Names its source.
        url: Where the service is to send.
        account_id: The external account that its runs concern, or ``None``.
        active: Whether the service knows of it already.
    """

    id: str
    trigger_id: str
    source_key: str
    url: str
    account_id: str | None
    active: bool
