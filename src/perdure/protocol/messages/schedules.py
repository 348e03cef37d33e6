"""Schedules: declared, registered and fired (v2 protocol, sections 4.6 and 10)."""

from __future__ import annotations

from typing import cast

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.messages.codec import decode_request
from perdure.protocol.messages.instant import Instant
from perdure.protocol.schedules import CronTiming, V2CronTiming


class IntervalOptions(Struct, frozen=True, kw_only=True, rename="camel"):
    """How far apart ticks are, in seconds."""

    seconds: int


class CronOptions(Struct, frozen=True, kw_only=True, rename="camel"):
    """A cron expression: without a ``timezone``, which v2 clients do not know, as v2 reads it, in UTC."""

    cron: str
    timezone: str | UnsetType = UNSET


class IntervalMetadata(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="interval"):
    """A schedule whose ticks are equally far apart."""

    options: IntervalOptions
    account_id: str | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET


class CronMetadata(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="cron"):
    """A schedule that follows a cron expression."""

    options: CronOptions
    account_id: str | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET


ScheduleMetadata = IntervalMetadata | CronMetadata


class IntervalRegistration(IntervalMetadata, frozen=True, kw_only=True, tag="interval"):
    """The body that registers an interval with a dynamic schedule, under the key ``id``."""

    id: str


class CronRegistration(CronMetadata, frozen=True, kw_only=True, tag="cron"):
    """The body that registers a cron expression with a dynamic schedule, under the key ``id``."""

    id: str


RegisterScheduleBody = IntervalRegistration | CronRegistration
"""The body of ``POST /api/v1/:endpointSlug/schedules/:id/registrations``."""


class RegisterScheduleAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The registration as it is stored; ``metadata`` is null when there is none."""

    id: str
    schedule: ScheduleMetadata
    metadata: Raw
    active: bool


class ScheduledPayload(Struct, frozen=True, kw_only=True, rename="camel"):
    """The payload of a tick: its planned time, and that of the one before."""

    ts: Instant
    last_timestamp: Instant | UnsetType = UNSET


def cron_options(timing: CronTiming) -> CronOptions:
    """Write a cron expression with what tells how it is read."""
    return CronOptions(cron=timing.cron, timezone=UNSET if isinstance(timing, V2CronTiming) else timing.timezone)


def cron_timing(options: CronOptions) -> CronTiming:
    """Read a cron expression as whoever has written it means it."""
    zone = options.timezone
    return V2CronTiming(options.cron) if zone is UNSET else CronTiming(options.cron, zone)


def decode_schedule_registration(data: bytes) -> RegisterScheduleBody:
    """Read the body that registers a schedule.

    Raises:
        JsonError: The text is not JSON.
        MessageShapeError: It is neither an interval nor a cron expression.
    """
    return cast("RegisterScheduleBody", decode_request(data, RegisterScheduleBody))
