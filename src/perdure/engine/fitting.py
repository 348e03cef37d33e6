"""What an app elsewhere declares that cannot be registered so: left out or bent, and said (v2 protocol, section 3.5).

Whether the index has its shape was looked at before: if it has not, nothing of it is registered. Here each part fails
alone, so that a job whose schedule is none does not take the others along.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec.structs import replace

from perdure.engine.names import check_text, check_wanted
from perdure.engine.schedule_limits import check_schedule
from perdure.errors import InvalidArgumentError, ValueTooLargeError
from perdure.protocol.endpoint import (
    DynamicScheduleSpec,
    DynamicTriggerSpec,
    EventTriggerSpec,
    HttpEndpointSpec,
    Index,
    InvokeTriggerSpec,
    JobSpec,
    LimitSpec,
    ScheduleTriggerSpec,
    SourceSpec,
)
from perdure.protocol.limits import ID_LIMIT, INTERVAL_LIMITS, NAME_LIMIT
from perdure.protocol.messages.delivery import check_carried
from perdure.protocol.schedules import IntervalTiming
from perdure.protocol.store_keys import check_name

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_AT_ONCE: Final = 1_000_000
"""How many executions a concurrency limit may allow."""

MOST_WARNINGS: Final = 100
"""How many warnings of an index are kept."""

_NOT_SHOWN: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_Declared = TypeVar("_Declared")


def fit(index: Index) -> Index:
    """Make of an index what can be registered; its warnings say where that is not what was declared."""
    warnings: list[str] = []
    schedules: list[str] = []
    for dynamic_id in index.dynamic_schedules:
        try:
            schedules.append(check_name(dynamic_id, what="The id of a dynamic schedule"))
        except InvalidArgumentError as error:
            warnings.append(f"A dynamic schedule is left out. {error.message}")
    triggers = _keep(index.dynamic_triggers, "A dynamic trigger", _check_trigger, warnings)
    jobs = tuple(_fit_job(spec, schedules, warnings) for spec in _keep(index.jobs, "A job", _check_job, warnings))
    return replace(
        index,
        jobs=jobs,
        dynamic_schedules=tuple(schedules),
        dynamic_triggers=triggers,
        http_endpoints=_keep(index.http_endpoints, "An HTTP endpoint", _check_http_endpoint, warnings),
        sources=_keep(index.sources, "A source", _check_source, warnings),
        warnings=(*index.warnings, *warnings),
    )


def unscheduled(spec: JobSpec, error: InvalidArgumentError | ValueTooLargeError) -> str:
    """Say that a job is registered without its schedule."""
    return f"Job {spec.id!r:.80} is registered without its schedule. {error.message}"


def _keep(
    declared: tuple[_Declared, ...], what: str, check: Callable[[_Declared], object], warnings: list[str]
) -> tuple[_Declared, ...]:
    """Leave out what has a name that is none: it cannot be stored, or nothing could name it."""
    kept: list[_Declared] = []
    for one in declared:
        try:
            check(one)
        except (InvalidArgumentError, ValueTooLargeError) as error:
            warnings.append(f"{what} is left out. {error.message}")
        else:
            kept.append(one)
    return tuple(kept)


def _check_trigger(id: str) -> None:
    check_text(id, "The id of a dynamic trigger")


def _check_job(spec: JobSpec) -> None:
    check_text(spec.id, "The id of a job")
    of = f"of job {spec.id!r:.80}"
    check_text(spec.version, f"The version {of}")
    if spec.limit is not None and spec.limit.group is not None:
        check_text(spec.limit.group, f"The id of the concurrency limit {of}")
    for key, id in spec.hosted:
        check_text(key, f"The key of an integration {of}")
        check_text(id, f"The id of an integration {of}", limit=ID_LIMIT)
    trigger = spec.trigger
    if isinstance(trigger, EventTriggerSpec):
        for name in trigger.names:
            check_text(name, f"The name of the event {of}")
        check_text(trigger.source, f"The source of the event {of}")
    elif isinstance(trigger, DynamicTriggerSpec):
        check_text(trigger.id, f"The id of the dynamic trigger {of}")


def _check_http_endpoint(spec: HttpEndpointSpec) -> None:
    check_text(spec.key, "The id of an HTTP endpoint")
    check_text(spec.source, f"The source of HTTP endpoint {spec.key!r:.80}")
    if spec.delivery_id is not None:
        check_text(spec.delivery_id, f"The member that names a delivery to HTTP endpoint {spec.key!r:.80}")


def _check_source(spec: SourceSpec) -> None:
    check_text(spec.key, "The key of a source", limit=ID_LIMIT)
    check_wanted(spec.wanted)
    check_carried(spec.params.encode(), f"What params source {spec.key!r:.80} declares")
    if spec.hosted is not None:
        check_text(spec.hosted, f"The id of the integration of source {spec.key!r:.80}", limit=ID_LIMIT)


def _fit_job(spec: JobSpec, schedules: list[str], warnings: list[str]) -> JobSpec:
    if not 1 <= len(spec.name) <= NAME_LIMIT or _NOT_SHOWN.search(spec.name):
        # It is for pages alone.
        spec = replace(spec, name=_NOT_SHOWN.sub(" ", spec.name)[:NAME_LIMIT] or spec.id)
        warnings.append(f"Job {spec.id!r:.80}: its name is bent into 1 to {NAME_LIMIT} characters that can be shown.")
    if spec.limit is not None and spec.limit.most > MOST_AT_ONCE:
        warnings.append(f"Job {spec.id!r:.80}: a concurrency limit is lowered to {MOST_AT_ONCE:,}.")
        spec = replace(spec, limit=LimitSpec(MOST_AT_ONCE, spec.limit.group))
    if isinstance(spec.trigger, DynamicScheduleSpec) and spec.trigger.id not in schedules:
        return replace(spec, trigger=InvokeTriggerSpec())
    if isinstance(spec.trigger, ScheduleTriggerSpec):
        spec = replace(spec, trigger=_fit_timing(spec, spec.trigger, warnings))
    try:
        check_schedule(spec)
    except (InvalidArgumentError, ValueTooLargeError) as error:
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
    return trigger
