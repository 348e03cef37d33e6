from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import Client, ScheduledPayload, cron_trigger, interval_trigger, job
from perdure.errors import CronNeverFiresError, InvalidArgumentError, InvalidCronError
from perdure.protocol.endpoint import DynamicScheduleSpec, ScheduleTriggerSpec
from perdure.protocol.execution import JsonText
from perdure.protocol.schedules import CronTiming, IntervalTiming


def test_an_interval_trigger_says_how_far_apart_its_ticks_are() -> None:
    assert interval_trigger(seconds=60).spec() == ScheduleTriggerSpec(IntervalTiming(60), "latest")
    assert interval_trigger(seconds=timedelta(days=30)).spec() == ScheduleTriggerSpec(IntervalTiming(2_592_000))
    assert interval_trigger(seconds=20.0, catch_up="all").spec() == ScheduleTriggerSpec(IntervalTiming(20), "all")


def test_a_cron_trigger_is_meant_in_utc_unless_it_says_otherwise() -> None:
    assert cron_trigger(cron="0 9 * * *").spec() == ScheduleTriggerSpec(CronTiming("0 9 * * *", "UTC"))
    berlin = cron_trigger(cron="0 9 * * *", timezone="Europe/Berlin", catch_up="none")
    assert berlin.spec() == ScheduleTriggerSpec(CronTiming("0 9 * * *", "Europe/Berlin"), "none")


@pytest.mark.parametrize("seconds", [0, 19, 19.999, 2_592_001, -60, 20.5, "60", None, True, float("inf"), timedelta()])
def test_what_is_no_interval_is_refused(seconds: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="whole number of seconds from 20 to 2,592,000"):
        interval_trigger(seconds=seconds)


def test_what_is_no_cron_no_zone_or_no_policy_is_refused_where_it_is_declared() -> None:
    with pytest.raises(InvalidCronError):
        cron_trigger(cron="@daily")
    with pytest.raises(CronNeverFiresError):
        cron_trigger(cron="0 0 31 4 *")
    with pytest.raises(InvalidArgumentError, match="no time zone 'Mars/Base'"):
        cron_trigger(cron="* * * * *", timezone="Mars/Base")
    for policy in ("some", "", None, 5, ["all"]):
        with pytest.raises(InvalidArgumentError, match=r"^catch_up= is one of 'latest', 'all', 'none'"):
            interval_trigger(seconds=60, catch_up=policy)  # type: ignore[arg-type]


def test_a_dynamic_schedule_is_a_trigger_of_any_number_of_jobs() -> None:
    client = Client(id="c")
    schedule = client.define_dynamic_schedule("reminders")

    @client.job(id="a", version="1.0.0", trigger=schedule)
    async def a(payload: ScheduledPayload) -> None: ...

    @client.job(id="b", version="1.0.0", trigger=schedule)
    async def b(payload: ScheduledPayload) -> None: ...

    assert [one.spec().trigger for one in (a, b)] == [DynamicScheduleSpec("reminders")] * 2


@pytest.mark.parametrize(
    "trigger",
    [interval_trigger(seconds=60), cron_trigger(cron="* * * * *"), Client(id="c").define_dynamic_schedule("d")],
    ids=["interval", "cron", "dynamic"],
)
def test_the_payload_is_read_from_the_names_it_has_on_the_wire(trigger: Any) -> None:
    @job(id="a", version="1.0.0", trigger=trigger)
    async def a(payload: ScheduledPayload) -> None: ...

    first = a.parse_payload(JsonText('{"ts":"2030-01-01T00:00:00.000Z"}'))
    assert first == ScheduledPayload(datetime(2030, 1, 1, tzinfo=UTC), None)
    later = '{"ts":"2030-01-01T00:01:00.000Z","lastTimestamp":"2030-01-01T00:00:00.000Z"}'
    assert a.parse_payload(JsonText(later)) == ScheduledPayload(datetime(2030, 1, 1, 0, 1, tzinfo=UTC), first.ts)


def test_another_type_of_payload_is_refused_where_the_job_is_declared() -> None:
    with pytest.raises(InvalidArgumentError, match="ScheduledPayload"):

        @job(id="a", version="1.0.0", trigger=interval_trigger(seconds=60))
        async def a(payload: int) -> None: ...
