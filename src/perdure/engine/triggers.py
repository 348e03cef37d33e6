"""Triggers of jobs, in the form that the index of an endpoint has on the wire (v2 protocol, section 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, Raw

from perdure.protocol.endpoint import DynamicScheduleSpec, DynamicTriggerSpec, EventTriggerSpec, ScheduleTriggerSpec
from perdure.protocol.json_text import JsonText
from perdure.protocol.messages.codec import encode_message
from perdure.protocol.messages.indexing import DynamicTriggerReference, InvokeTrigger, ScheduledTrigger, StaticTrigger
from perdure.protocol.messages.schedules import CronMetadata, IntervalMetadata, IntervalOptions, cron_options
from perdure.protocol.messages.triggers import TriggerRule
from perdure.protocol.schedules import IntervalTiming

if TYPE_CHECKING:
    from msgspec import UnsetType

    from perdure.protocol.endpoint import TriggerSpec
    from perdure.protocol.messages.indexing import TriggerMetadata
    from perdure.protocol.messages.schedules import ScheduleMetadata
    from perdure.protocol.schedules import Timing


def trigger_text(trigger: TriggerSpec) -> JsonText:
    """Write a trigger as it is on the wire."""
    return JsonText(encode_message(_metadata(trigger)).decode())


def _metadata(trigger: TriggerSpec) -> TriggerMetadata:
    if isinstance(trigger, EventTriggerSpec):
        names = trigger.names[0] if len(trigger.names) == 1 else list(trigger.names)
        rule = TriggerRule(
            event=names,
            source=trigger.source,
            payload=_raw(trigger.filter),
            context=_raw(trigger.context_filter),
        )
        return StaticTrigger(title=names, rule=rule)
    if isinstance(trigger, ScheduleTriggerSpec):
        return ScheduledTrigger(schedule=_schedule(trigger.timing))
    if isinstance(trigger, (DynamicScheduleSpec, DynamicTriggerSpec)):
        return DynamicTriggerReference(id=trigger.id)
    return InvokeTrigger()


def _schedule(timing: Timing) -> ScheduleMetadata:
    if isinstance(timing, IntervalTiming):
        return IntervalMetadata(options=IntervalOptions(seconds=timing.seconds))
    return CronMetadata(options=cron_options(timing))


def _raw(text: JsonText | None) -> Raw | UnsetType:
    return UNSET if text is None else Raw(text.encode())
