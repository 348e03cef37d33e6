"""What an app elsewhere declares that cannot be registered so: left out or bent, and said (v2 protocol, section 3.5).

Whether the index has its shape was looked at before: if it has not, nothing of it is registered. Here each part fails
alone, so that a job whose schedule is none does not take the others along.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from perdure.engine.schedule_limits import check_schedule
from perdure.errors import InvalidArgumentError
from perdure.protocol.endpoint import (
    DynamicScheduleSpec,
    Index,
    InvokeTriggerSpec,
    JobSpec,
    LimitSpec,
    ScheduleTriggerSpec,
)
from perdure.protocol.limits import INTERVAL_LIMITS
from perdure.protocol.schedules import CronTiming, IntervalTiming
from perdure.protocol.store_keys import check_name

MOST_AT_ONCE: Final = 1_000_000
"""How many executions a concurrency limit may allow."""

MOST_WARNINGS: Final = 100
"""How many warnings of an index are kept."""

_SECONDS_AND_CRON: Final = 6


def fit(index: Index) -> Index:
    """Make of an index what can be registered; its warnings say where that is not what was declared."""
    warnings: list[str] = []
    schedules: list[str] = []
    for dynamic_id in index.dynamic_schedules:
        try:
            schedules.append(check_name(dynamic_id, what="The id of a dynamic schedule"))
        except InvalidArgumentError as error:
            warnings.append(f"A dynamic schedule is left out. {error.message}")
    jobs = tuple(_fit_job(spec, schedules, warnings) for spec in index.jobs)
    return replace(index, jobs=jobs, dynamic_schedules=tuple(schedules), warnings=(*index.warnings, *warnings))


def unscheduled(spec: JobSpec, error: InvalidArgumentError) -> str:
    """Say that a job is registered without its schedule."""
    return f"Job {spec.id!r:.80} is registered without its schedule. {error.message}"


def _fit_job(spec: JobSpec, schedules: list[str], warnings: list[str]) -> JobSpec:
    if spec.limit is not None and spec.limit.most > MOST_AT_ONCE:
        warnings.append(f"Job {spec.id!r:.80}: a concurrency limit is lowered to {MOST_AT_ONCE:,}.")
        spec = replace(spec, limit=LimitSpec(MOST_AT_ONCE, spec.limit.group))
    if isinstance(spec.trigger, DynamicScheduleSpec) and spec.trigger.id not in schedules:
        return replace(spec, trigger=InvokeTriggerSpec())
    if isinstance(spec.trigger, ScheduleTriggerSpec):
        spec = replace(spec, trigger=_fit_timing(spec, spec.trigger, warnings))
    try:
        check_schedule(spec)
    except InvalidArgumentError as error:
        warnings.append(unscheduled(spec, error))
        return replace(spec, trigger=InvokeTriggerSpec())
    return spec


def _fit_timing(spec: JobSpec, trigger: ScheduleTriggerSpec, warnings: list[str]) -> ScheduleTriggerSpec:
    timing = trigger.timing
    if isinstance(timing, IntervalTiming):
        least, most = INTERVAL_LIMITS
        seconds = min(max(timing.seconds, least), most)
        if seconds != timing.seconds:
            # Of whole numbers that have no end a part will do.
            warnings.append(f"Job {spec.id!r:.80}: an interval of {timing.seconds!s:.20} seconds is made {seconds:,}.")
        return replace(trigger, timing=IntervalTiming(seconds))
    fields = timing.cron.split()
    if len(fields) == _SECONDS_AND_CRON and fields[0].isdecimal():
        # Apps of v2 may put seconds before the minute; at which second a minute's tick comes is not kept.
        if int(fields[0][:9]):
            warnings.append(f"Job {spec.id!r:.80}: the seconds of the cron {timing.cron!r:.80} are left out.")
        return replace(trigger, timing=CronTiming(" ".join(fields[1:]), timing.timezone))
    return trigger
