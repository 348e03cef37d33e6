"""What schedules may look like."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, get_args

from perdure.engine.event_limits import check_account
from perdure.engine.names import check_text
from perdure.errors import CronNeverFiresError, InvalidArgumentError, ValueTooLargeError
from perdure.protocol.endpoint import ScheduleTriggerSpec
from perdure.protocol.limits import SCHEDULE_METADATA_LIMIT, TICK_YEARS
from perdure.protocol.schedules import CatchUp, CronTiming, check_timing
from perdure.protocol.store_keys import check_name

if TYPE_CHECKING:
    from perdure.protocol.endpoint import Index, JobSpec
    from perdure.protocol.execution import JsonText
    from perdure.protocol.schedules import RegisterSchedule, Timing

_NEAR = timedelta(days=365.25 * TICK_YEARS)


def check_schedules(index: Index) -> None:
    """Refuse an app whose dynamic schedules cannot be kept.

    Raises:
        InvalidArgumentError: An id is none.
    """
    for dynamic_id in index.dynamic_schedules:
        check_name(dynamic_id, what="The id of a dynamic schedule")


def check_schedule(spec: JobSpec) -> None:
    """Refuse a job whose schedule cannot be kept.

    Raises:
        InvalidArgumentError: Its timing, its policy or its account is none.
        ValueTooLargeError: Its metadata has more than 64 KiB of UTF-8.
    """
    if not isinstance(spec.trigger, ScheduleTriggerSpec):
        return
    check_timing(spec.trigger.timing)
    if spec.trigger.catch_up not in get_args(CatchUp):
        raise InvalidArgumentError(
            f"catch_up is one of {', '.join(get_args(CatchUp))}, not {spec.trigger.catch_up!r:.80}."
        )
    check_account(spec.trigger.account_id)
    _check_metadata(spec.trigger.metadata)


def check_registration(call: RegisterSchedule) -> None:
    """Refuse a registration that cannot be kept.

    Raises:
        InvalidArgumentError: Its key, its timing or its account is none.
        ValueTooLargeError: Its metadata has more than 64 KiB of UTF-8.
    """
    check_text(check_name(call.key, what="The id of a schedule"), "The id of a schedule")
    check_timing(call.timing)
    check_account(call.account_id)
    _check_metadata(call.metadata)


def _check_metadata(text: JsonText | None) -> None:
    # A character has at most four bytes, so short texts need not be encoded to be measured.
    if text is not None and len(text) * 4 > SCHEDULE_METADATA_LIMIT and len(text.encode()) > SCHEDULE_METADATA_LIMIT:
        raise ValueTooLargeError(
            f"The metadata has {len(text.encode())} bytes of JSON; at most {SCHEDULE_METADATA_LIMIT} may be stored."
        )


def check_first_tick(timing: Timing, first: datetime | None, *, now: datetime) -> None:
    """Refuse a cron that fires, but not for years.

    Raises:
        CronNeverFiresError: Its first tick is more than five years away.
    """
    if isinstance(timing, CronTiming) and (first is None or first > now + _NEAR):
        raise CronNeverFiresError(
            f"The cron {timing.cron!r} does not fire within {TICK_YEARS} years from {now.date().isoformat()} on."
        )
