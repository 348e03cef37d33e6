"""What starts jobs, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.protocol.endpoint import DynamicScheduleSpec, DynamicTriggerSpec, EventTriggerSpec, ScheduleTriggerSpec
from perdure.protocol.received import EVENT_PREFIX
from perdure.protocol.schedules import CronTiming

if TYPE_CHECKING:
    from perdure.protocol.endpoint import TriggerSpec
    from perdure.protocol.schedules import Timing


def describe_trigger(trigger: TriggerSpec) -> str:
    """Say what starts a job."""
    if isinstance(trigger, EventTriggerSpec):
        filtered = " that matches" if trigger.filter is not None or trigger.context_filter is not None else ""
        source = "" if trigger.source == "trigger.dev" else f" from {trigger.source}"
        if len(trigger.names) == 1 and trigger.names[0].startswith(EVENT_PREFIX):
            return f"request to {trigger.names[0].removeprefix(EVENT_PREFIX)}{filtered}{source}"
        return f"event {' or '.join(trigger.names)}{filtered}{source}"
    if isinstance(trigger, ScheduleTriggerSpec):
        return describe_timing(trigger.timing)
    if isinstance(trigger, DynamicScheduleSpec):
        return f"schedule {trigger.id}, when one is registered"
    if isinstance(trigger, DynamicTriggerSpec):
        return f"what is registered with {trigger.id}"
    return "invoked"


def describe_timing(timing: Timing) -> str:
    """Say when a schedule ticks."""
    if isinstance(timing, CronTiming):
        return f"cron {timing.cron}{'' if timing.timezone == 'UTC' else f' in {timing.timezone}'}"
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if timing.seconds % unit == 0:
            count = timing.seconds // unit
            return f"every {name}" if count == 1 else f"every {count} {name}s"
    return f"every {timing.seconds} seconds"
