"""What an endpoint elsewhere declares, as the engine registers it (v2 protocol, section 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import UNSET

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
from perdure.protocol.json_text import JsonText, check, load
from perdure.protocol.messages.indexing import (
    DynamicTriggerReference,
    InvokeTrigger,
    ScheduledTrigger,
)
from perdure.protocol.messages.schedules import IntervalMetadata, cron_timing
from perdure.protocol.schedules import IntervalTiming
from perdure.transport.app_link import decode_object
from perdure.transport.greetings import LONGEST

if TYPE_CHECKING:
    from msgspec import Raw, UnsetType

    from perdure.protocol.endpoint import TriggerSpec
    from perdure.protocol.messages.codec import MessageShapeError
    from perdure.protocol.messages.indexing import HttpEndpointMetadata, IndexAnswer, JobMetadata
    from perdure.protocol.messages.schedules import ScheduleMetadata
    from perdure.protocol.schedules import Timing

_LONGEST_NAME: Final = 80


def index_of(endpoint_id: str, answer: IndexAnswer) -> Index:
    """Read an index."""
    schedules = {schedule.id for schedule in answer.dynamic_schedules}
    webhooks = () if answer.webhooks is UNSET else answer.webhooks
    return Index(
        endpoint_id,
        tuple(_job(job, schedules) for job in answer.jobs),
        tuple(sorted(schedules)),
        () if answer.http_endpoints is UNSET else tuple(_http_endpoint(one) for one in answer.http_endpoints),
        (
            *(
                SourceSpec(one.key, params_of(one.params), one.wanted_options(), hosted=one.integration.hosted)
                for one in answer.sources
            ),
            *(SourceSpec(one.key, params_of(one.params), one.config, is_webhook=True) for one in webhooks),
        ),
        tuple(sorted(trigger.id for trigger in answer.dynamic_triggers)),
        is_remote=True,
    )


def params_of(params: Raw | UnsetType) -> JsonText:
    """Read the params of a source; ``{}`` if there are none."""
    return JsonText("{}" if params is UNSET else check(bytes(params)))


def _http_endpoint(endpoint: HttpEndpointMetadata) -> HttpEndpointSpec:
    response_filter = endpoint.immediate_response_filter
    return HttpEndpointSpec(
        endpoint.id,
        endpoint.source,
        endpoint.enabled,
        None
        if response_filter is UNSET or bytes(response_filter) == b"null"
        else JsonText(check(bytes(response_filter))),
        endpoint.skip_triggering_runs is True,
        None if endpoint.delivery_id is UNSET else endpoint.delivery_id,
    )


def _job(job: JobMetadata, dynamic_schedules: set[str]) -> JobSpec:
    limit: LimitSpec | None = None
    if isinstance(job.concurrency_limit, int):
        limit = LimitSpec(job.concurrency_limit)
    elif job.concurrency_limit is not UNSET:
        limit = LimitSpec(job.concurrency_limit.limit, job.concurrency_limit.id)
    return JobSpec(
        job.id,
        job.name,
        job.version,
        _trigger(job, dynamic_schedules),
        enabled=job.enabled,
        limit=limit,
        # What it says with its answers stays: an index does not.
        notify_success=None,
        notify_failure=None,
        internal=job.internal,
        hosted=tuple((key, one.id) for key, one in job.integrations.items() if one.hosted is not None),
        is_preprocessed=job.preprocess_runs,
    )


def _trigger(job: JobMetadata, dynamic_schedules: set[str]) -> TriggerSpec:
    trigger = job.trigger
    if isinstance(trigger, InvokeTrigger):
        return InvokeTriggerSpec()
    if isinstance(trigger, ScheduledTrigger):
        schedule = trigger.schedule
        return ScheduleTriggerSpec(
            _timing(schedule),
            "latest" if trigger.catch_up is UNSET else trigger.catch_up,
            None if schedule.account_id is UNSET else schedule.account_id,
            _metadata(schedule.metadata),
        )
    if isinstance(trigger, DynamicTriggerReference):
        return DynamicScheduleSpec(trigger.id) if trigger.id in dynamic_schedules else DynamicTriggerSpec(trigger.id)
    rule = trigger.rule
    names = (rule.event,) if isinstance(rule.event, str) else tuple(rule.event)
    is_lenient = trigger.strict is not True
    return EventTriggerSpec(names, rule.source, _filter(rule.payload), _filter(rule.context), is_lenient=is_lenient)


def _filter(text: Raw | UnsetType) -> JsonText | None:
    if text is UNSET:
        return None
    checked = check(bytes(text))
    return None if load(checked) in ({}, None) else JsonText(checked)


def _metadata(text: Raw | UnsetType) -> JsonText | None:
    checked = None if text is UNSET else check(bytes(text))
    return None if checked in (None, "null") else JsonText(checked)


def _timing(schedule: ScheduleMetadata) -> Timing:
    if isinstance(schedule, IntervalMetadata):
        return IntervalTiming(schedule.options.seconds)
    return cron_timing(schedule.options)


def issues_of_jobs(error: MessageShapeError, body: bytes) -> str | None:
    """Say which jobs of an index have another shape, as v2 does (section 3.5); ``None``: none, or it cannot be said."""
    # What comes after the job may be no JSON at all.
    jobs: Any = decode_object(body).get("jobs")
    lines: list[str] = []
    for issue in error.issues:
        match issue.path:
            case ("jobs", int(number), *rest):
                job: Any = None if jobs is None else jobs[number]
                name = cast("dict[str, object]", job).get("id") if isinstance(job, dict) else None
                place = f' at "{".".join(map(str, rest))}"' if rest else ""
                shown = name if isinstance(name, str) else number
                lines.append(f'- Job "{shown!s:.{_LONGEST_NAME}}": {issue.message}{place:.{LONGEST}}.')
            case _:
                # Its jobs come first.
                pass
    return "\n".join(("Your Jobs have issues:", *lines)) if lines else None
