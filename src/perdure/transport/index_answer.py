"""What an app of perdure's declares, as the answer of INDEX_ENDPOINT (v2 protocol, section 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw

from perdure.protocol.endpoint import DynamicScheduleSpec, DynamicTriggerSpec, EventTriggerSpec, ScheduleTriggerSpec
from perdure.protocol.messages.codec import decode_message
from perdure.protocol.messages.display import DisplayProperty
from perdure.protocol.messages.indexing import (
    ConcurrencyLimit,
    DynamicScheduleMetadata,
    DynamicTriggerMetadata,
    DynamicTriggerReference,
    EventExample,
    EventSpecification,
    HttpEndpointMetadata,
    IndexAnswer,
    InvokeTrigger,
    JobMetadata,
    ScheduledTrigger,
    StaticTrigger,
)
from perdure.protocol.messages.schedules import CronMetadata, IntervalMetadata, IntervalOptions, cron_options
from perdure.protocol.messages.tenancy import JobReference
from perdure.protocol.messages.triggers import TriggerRule
from perdure.protocol.schedules import IntervalTiming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import UnsetType

    from perdure.protocol.endpoint import HttpEndpointSpec, Index, JobSpec, LimitSpec
    from perdure.protocol.json_text import JsonText
    from perdure.protocol.messages.indexing import TriggerMetadata

_SOURCE = "trigger.dev"
_SCHEDULED = "trigger.scheduled"


def index_answer(index: Index, examples: Mapping[str, JsonText]) -> IndexAnswer:
    """Write an index.

    Args:
        index: What the app declares.
        examples: JSON of example payloads, by the id of their job.
    """
    return IndexAnswer(
        jobs=[_job(job, examples.get(job.id)) for job in index.jobs],
        sources=[],
        webhooks=[],
        dynamic_triggers=[
            DynamicTriggerMetadata(
                id=trigger_id,
                jobs=[
                    JobReference(id=job.id, version=job.version)
                    for job in index.jobs
                    if job.trigger == DynamicTriggerSpec(trigger_id)
                ],
            )
            for trigger_id in index.dynamic_triggers
        ],
        dynamic_schedules=[
            DynamicScheduleMetadata(
                id=schedule_id,
                jobs=[
                    JobReference(id=job.id, version=job.version)
                    for job in index.jobs
                    if job.trigger == DynamicScheduleSpec(schedule_id)
                ],
            )
            for schedule_id in index.dynamic_schedules
        ],
        http_endpoints=[_http_endpoint(endpoint) for endpoint in index.http_endpoints],
    )


def _http_endpoint(endpoint: HttpEndpointSpec) -> HttpEndpointMetadata:
    event = EventSpecification(name=endpoint.key, title="HTTP Trigger", source=endpoint.source, icon="webhook")
    return HttpEndpointMetadata(
        id=endpoint.key,
        version="1",
        enabled=endpoint.enabled,
        icon="webhook",
        event=event,
        immediate_response_filter=_raw(endpoint.response_filter),
        skip_triggering_runs=endpoint.skips_runs,
        delivery_id=UNSET if endpoint.delivery_id is None else endpoint.delivery_id,
        source=endpoint.source,
    )


def _job(job: JobSpec, examples: JsonText | None) -> JobMetadata:
    event, trigger = _trigger(job)
    if examples is not None:
        listed = decode_message(examples.encode(), list[EventExample])
        event = msgspec.structs.replace(event, examples=listed)
    return JobMetadata(
        id=job.id,
        name=job.name,
        version=job.version,
        event=event,
        trigger=trigger,
        integrations={},
        start_position="latest",
        enabled=job.enabled,
        preprocess_runs=False,
        concurrency_limit=_limit(job.limit),
        internal=job.internal,
    )


def _limit(limit: LimitSpec | None) -> int | ConcurrencyLimit | UnsetType:
    if limit is None:
        return UNSET
    return limit.most if limit.group is None else ConcurrencyLimit(id=limit.group, limit=limit.most)


def _trigger(job: JobSpec) -> tuple[EventSpecification, TriggerMetadata]:
    trigger = job.trigger
    if isinstance(trigger, EventTriggerSpec):
        names: Any = trigger.names[0] if len(trigger.names) == 1 else list(trigger.names)
        rule = TriggerRule(
            event=names, source=trigger.source, payload=_raw(trigger.filter), context=_raw(trigger.context_filter)
        )
        event = EventSpecification(name=names, title="Event", source=trigger.source, icon="custom-event")
        # A v2 server leaves such members out.
        return event, StaticTrigger(title=names, rule=rule, strict=UNSET if trigger.is_lenient else True)
    if isinstance(trigger, ScheduleTriggerSpec):
        return _scheduled(trigger)
    if isinstance(trigger, DynamicScheduleSpec):
        event = EventSpecification(
            name=_SCHEDULED, title="Dynamic Schedule", source=_SOURCE, icon="schedule-dynamic", examples=[_NOW]
        )
        return event, DynamicTriggerReference(id=trigger.id)
    if isinstance(trigger, DynamicTriggerSpec):
        event = EventSpecification(name=trigger.id, title="Dynamic Trigger", source=_SOURCE, icon="trigger")
        return event, DynamicTriggerReference(id=trigger.id)
    event = EventSpecification(name="invoke", title="Manual Invoke", source=_SOURCE, icon="trigger")
    return event, InvokeTrigger()


def _scheduled(trigger: ScheduleTriggerSpec) -> tuple[EventSpecification, TriggerMetadata]:
    timing, catch_up = trigger.timing, trigger.catch_up
    if isinstance(timing, IntervalTiming):
        event = EventSpecification(
            name=_SCHEDULED, title="Schedule", source=_SOURCE, icon="schedule-interval", examples=[_NOW],
            properties=[DisplayProperty(label="Interval", text=f"{timing.seconds}s")],
        )  # fmt: skip
        interval = IntervalMetadata(options=IntervalOptions(seconds=timing.seconds))
        return event, ScheduledTrigger(schedule=interval, catch_up=catch_up)
    event = EventSpecification(
        name=_SCHEDULED, title="Cron Schedule", source=_SOURCE, icon="schedule-cron", examples=[_NOW],
        properties=[
            DisplayProperty(label="cron", text=timing.cron),
            DisplayProperty(label="Schedule", text=f"{timing.cron} ({timing.timezone})"),
        ],
    )  # fmt: skip
    return event, ScheduledTrigger(schedule=CronMetadata(options=cron_options(timing)), catch_up=catch_up)


def _raw(text: JsonText | None) -> Raw | UnsetType:
    return UNSET if text is None else Raw(text.encode())


_NOW = EventExample(
    id="now",
    name="Now",
    icon="clock",
    payload=Raw(b'{"ts":"__CURRENT_DATE__","lastTimestamp":"__CURRENT_DATE__"}'),
)
