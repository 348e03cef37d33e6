from __future__ import annotations

import pytest

from perdure.cli.dev.triggers import describe_trigger
from perdure.protocol.endpoint import (
    DynamicScheduleSpec,
    DynamicTriggerSpec,
    EventTriggerSpec,
    InvokeTriggerSpec,
    ScheduleTriggerSpec,
    TriggerSpec,
)
from perdure.protocol.execution import JsonText
from perdure.protocol.schedules import CronTiming, IntervalTiming


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (EventTriggerSpec(("a", "b"), filter=JsonText("{}")), "event a or b that matches"),
        (EventTriggerSpec(("httpendpoint.hook",), "github.com"), "request to hook from github.com"),
        (ScheduleTriggerSpec(IntervalTiming(3600)), "every hour"),
        (ScheduleTriggerSpec(CronTiming("0 3 * * *", "Europe/Oslo")), "cron 0 3 * * * in Europe/Oslo"),
        (DynamicScheduleSpec("daily"), "schedule daily, when one is registered"),
        (DynamicTriggerSpec("any-repo"), "what is registered with any-repo"),
        (InvokeTriggerSpec(), "invoked"),
    ],
)
def test_what_starts_a_job_is_said_in_words(trigger: TriggerSpec, words: str) -> None:
    assert describe_trigger(trigger) == words
