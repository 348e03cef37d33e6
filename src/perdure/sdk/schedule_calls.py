"""From the arguments of schedules to the platform's messages, checked at the edge, and back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast, get_args

from perdure.errors import InvalidArgumentError
from perdure.protocol.json_text import load
from perdure.protocol.limits import ID_LIMIT, INTERVAL_LIMITS, SCHEDULE_METADATA_LIMIT
from perdure.protocol.schedules import (
    CatchUp,
    CronTiming,
    IntervalTiming,
    RegisterSchedule,
    UnregisterSchedule,
    check_timing,
)
from perdure.protocol.store_keys import check_name
from perdure.sdk.codec import PLAIN
from perdure.sdk.names import check_name as check_text
from perdure.sdk.records import ScheduleRegistration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.protocol.schedules import ScheduleAnswer, Timing


def interval_timing(seconds: object) -> IntervalTiming:
    """Read the length of an interval: whole seconds, as a number or a ``timedelta``.

    Raises:
        InvalidArgumentError: It is none of 20 to 2,592,000 seconds.
    """
    length = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    least, most = INTERVAL_LIMITS
    if (
        isinstance(length, bool)
        or not isinstance(length, (int, float))
        or not least <= length <= most
        or length != int(length)
    ):
        raise InvalidArgumentError(
            f"seconds= is a whole number of seconds from {least} to {most:,} (30 days), or such a timedelta, not "
            f"{seconds!r:.80}."
        )
    return IntervalTiming(int(length))


def cron_timing(cron: Any, timezone: Any) -> CronTiming:
    """Read a cron expression and the time zone that it is meant in.

    Raises:
        InvalidCronError: It is no cron expression.
        CronNeverFiresError: No date matches it.
        InvalidArgumentError: There is no such time zone.
    """
    timing = CronTiming(cron, timezone)
    check_timing(timing)
    return timing


def timing_of(call: str, *, seconds: object, cron: object, timezone: str) -> Timing:
    """Read how a schedule is to tick: an interval or a cron expression.

    Raises:
        InvalidArgumentError: Not exactly one of them is given, or it is none.
    """
    if (seconds is None) == (cron is None):
        raise InvalidArgumentError(f"{call} needs either seconds= or cron=.")
    if cron is not None:
        return cron_timing(cron, timezone)
    if timezone != "UTC":
        raise InvalidArgumentError("timezone= belongs to cron=; an interval is as long in any time zone.")
    return interval_timing(seconds)


def check_catch_up(value: object) -> CatchUp:
    """Check what is to become of missed ticks.

    Raises:
        InvalidArgumentError: There is no such policy.
    """
    if value in get_args(CatchUp):
        return cast("CatchUp", value)
    raise InvalidArgumentError(f"catch_up= is one of {', '.join(map(repr, get_args(CatchUp)))}, not {value!r:.80}.")


def check_dynamic_id(id: object) -> str:
    """Check the id of a dynamic schedule.

    Raises:
        InvalidArgumentError: It is none.
    """
    return check_name(id, what="The id of a dynamic schedule")


def registration_call(
    dynamic_id: object, id: object, timing: Timing, *, account_id: str | None, metadata: Any
) -> RegisterSchedule:
    """Make the message that registers a schedule.

    Raises:
        InvalidArgumentError: An id is none.
        UnserializableOutputError: The metadata has no JSON form.
        ValueTooLargeError: The metadata is over 64 KiB as JSON.
    """
    return RegisterSchedule(
        check_dynamic_id(dynamic_id),
        check_name(id, what="The id of a schedule"),
        timing,
        None if account_id is None else check_text(account_id, what="account_id", limit=ID_LIMIT),
        None if metadata is None else PLAIN.encode(metadata, "metadata", limit=SCHEDULE_METADATA_LIMIT),
    )


def unregistration_call(dynamic_id: object, id: object) -> UnregisterSchedule:
    """Make the message that unregisters a schedule.

    Raises:
        InvalidArgumentError: An id is none.
    """
    return UnregisterSchedule(check_dynamic_id(dynamic_id), check_name(id, what="The id of a schedule"))


def registration_of(answer: ScheduleAnswer) -> ScheduleRegistration:
    """Make the record of a registration."""
    timing = answer.timing
    return ScheduleRegistration(
        id=answer.key,
        seconds=timing.seconds if isinstance(timing, IntervalTiming) else None,
        cron=timing.cron if isinstance(timing, CronTiming) else None,
        timezone=timing.timezone if isinstance(timing, CronTiming) else None,
        account_id=answer.account_id,
        metadata=None if answer.metadata is None else load(answer.metadata),
        active=answer.is_active,
    )


def registration_from(stored: Mapping[str, Any]) -> ScheduleRegistration:
    """Make the record of a registration as it is on the wire (v2 protocol, section 4.6)."""
    schedule = stored["schedule"]
    options = schedule["options"]
    cron = options.get("cron")
    return ScheduleRegistration(
        id=stored["id"],
        seconds=options.get("seconds"),
        cron=cron,
        timezone=None if cron is None else options.get("timezone", "UTC"),
        account_id=schedule.get("accountId"),
        metadata=stored["metadata"],
        active=stored["active"],
    )
