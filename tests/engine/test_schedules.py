"""Jobs that have a schedule of their own."""

from __future__ import annotations

import pytest

from perdure.errors import CronNeverFiresError, InvalidArgumentError, InvalidCronError
from perdure.protocol.endpoint import EventTriggerSpec, ScheduleTriggerSpec
from perdure.protocol.execution import AccountInfo, JsonText, SourceInfo
from perdure.protocol.schedules import Timing
from perdure.storage.interface import Storage
from tests.engine.app import ScriptedApp
from tests.engine.ticking import DAY, Ticked, Ticks, cron, every, pass_time, settle, timers, until
from tests.engine.world import world


@pytest.fixture
def ticks(app: ScriptedApp) -> Ticks:
    return Ticks(app)


async def test_an_interval_ticks_from_the_moment_of_its_declaration_on(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.job("hourly", every(3600))) as it:
        await pass_time(it, 3 * 3600)
    source = SourceInfo("hourly")
    assert ticks.all == [
        Ticked("hourly", "01T01:00", None, source, None),
        Ticked("hourly", "01T02:00", "01T01:00", source, None),
        Ticked("hourly", "01T03:00", "01T02:00", source, None),
    ]


async def test_a_schedule_is_declared_with_an_account_and_metadata_that_its_runs_get(
    storage: Storage, app: ScriptedApp, ticks: Ticks
) -> None:
    spec = ScheduleTriggerSpec(every(3600), account_id="acme", metadata=JsonText('{"a":1}'))
    async with world(storage, app.job("hourly", ticks.note, spec)) as it:
        await pass_time(it, 3600)
        # Declared without them, it has them no more.
        await it.node.add(ticks.job("hourly", every(3600)))
        await pass_time(it, 3600)
    assert [(one.source, one.account) for one in ticks.all] == [
        (SourceInfo("hourly", JsonText('{"a":1}')), AccountInfo("acme")),
        (SourceInfo("hourly"), None),
    ]


async def test_a_cron_ticks_at_its_local_times(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.job("report", cron("30 9 * * MON-FRI", "America/New_York"))) as it:
        await pass_time(it, 6 * DAY)
    assert ticks.times() == ["01T14:30", "02T14:30", "03T14:30", "04T14:30"]


async def test_nothing_ticks_before_its_time(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.job("hourly", every(3600))) as it:
        it.clock.advance(3599.999)
        await settle(it)
        assert ticks.all == []
        it.clock.advance(0.001)
        await pass_time(it, 0)
    assert ticks.times() == ["01T01:00"]


async def test_a_tick_is_an_event_with_an_id_of_its_own(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.job("daily", cron("0 0 * * *"))) as it:
        await pass_time(it, 2 * DAY)
        listed = await it.query("list_ticks")
        run = await it.platform.get_run((await it.run_ids())[0])
    first, second = [str(row[2]) for row in listed]
    source, _, milliseconds = first.partition(":")
    assert source.startswith("sched_")
    assert (int(milliseconds), second) == (listed[0][1], f"{source}:{listed[1][1]}")
    assert run.event_id == first


async def test_a_schedule_goes_on_after_a_restart_without_shifting(storage: Storage, ticks: Ticks) -> None:
    app = ticks.job("hourly", every(3600)).job("other", ticks.note)
    async with world(storage, app) as it:
        await pass_time(it, 1.5 * 3600)
    for restart in range(1, 4):
        async with world(storage, app, seed=restart) as it:
            await it.node.add(app)
            assert await timers(it) == {"hourly": "01T02:00"}
    async with world(storage, app, seed=9) as it:
        await pass_time(it, 3600)
    assert ticks.times() == ["01T01:00", "01T02:00"]


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        (every(1800), "01T01:30"),
        (every(7200), "01T03:00"),
        (cron("15 * * * *"), "01T02:15"),
        (cron("0 2 * * *", "Europe/Berlin"), "02T01:00"),
    ],
)
async def test_another_timing_gives_another_next_tick(
    storage: Storage, ticks: Ticks, timing: Timing, expected: str
) -> None:
    async with world(storage, ticks.job("job", every(3600))) as it:
        await pass_time(it, 4800)
        await it.node.add(ticks.job("job", timing, version="2.0.0"))
        moved = await timers(it)
        await it.node.add(ticks.job("job", timing, version="2.0.1"))
        assert await timers(it) == moved
    assert ticks.times() == ["01T01:00"]
    assert moved == {"job": expected}


async def test_the_same_local_time_in_another_zone_is_another_timing(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.job("job", cron("0 12 * * *"))) as it:
        assert await timers(it) == {"job": "01T12:00"}
        await it.node.add(ticks.job("job", cron("0 12 * * *", "Asia/Kolkata")))
        assert await timers(it) == {"job": "01T06:30"}


async def test_a_job_that_is_gone_or_disabled_ticks_no_more_and_later_from_then_on(
    storage: Storage, ticks: Ticks
) -> None:
    app = ticks.job("gone", every(3600), "all").job("kept", ticks.note)
    ticks.job("disabled", every(3600), "all")
    async with world(storage, app) as it:
        await pass_time(it, 3600)
        app.jobs = [spec for spec in app.jobs if spec.id != "gone"]
        await it.node.add(ticks.job("disabled", every(3600), "all", enabled=False))
        assert await timers(it) == {}
        it.clock.advance(2.5 * 3600)
        await it.node.add(ticks.job("disabled", every(3600), "all"))
        await it.node.add(ticks.job("gone", every(3600), "all"))
        assert await timers(it) == {"disabled": "01T04:00", "gone": "01T04:00"}
        await pass_time(it, 3600)
    assert ticks.times("gone") == ticks.times("disabled") == ["01T01:00", "01T04:00"]
    assert {one.last for one in ticks.all if one.ts == "01T04:00"} == {"01T01:00"}


async def test_a_job_may_exchange_its_schedule_for_events_and_back(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.job("job", every(3600))) as it:
        await it.node.add(ticks.app.job("job", ticks.note, EventTriggerSpec(("dev.trigger.scheduled",))))
        assert await timers(it) == {}
        await it.node.add(ticks.job("job", every(60)))
        await it.send("dev.trigger.scheduled", '{"ts":"2030-01-01T00:00:00.000Z"}')
        assert await it.run_ids() == []
        await pass_time(it, 60)
    assert ticks.times() == ["01T00:01"]


async def test_a_tick_ends_no_wait_and_starts_no_job_by_its_name(storage: Storage, ticks: Ticks) -> None:
    app = ticks.job("hourly", every(3600)).job("eager", ticks.note, EventTriggerSpec(("dev.trigger.scheduled",)))
    async with world(storage, app) as it:
        await pass_time(it, 3600)
    assert [one.job for one in ticks.all] == ["hourly"]


async def test_runs_are_of_the_version_that_was_registered_last(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.job("job", every(60))) as it:
        await it.node.add(ticks.job("job", every(60), version="1.1.0"))
        await pass_time(it, 60)
        assert (await it.platform.get_run(await it.only_run())).version == "1.1.0"


async def test_an_event_sent_under_the_id_of_a_tick_takes_its_place_once(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.job("job", every(60))) as it:
        await pass_time(it, 60)
        source = str((await it.query("list_ticks"))[0][2]).partition(":")[0]
        due = it.clock.now_ms() + 60_000
        await it.send("forged", '{"ts":"2030-01-01T09:00:00.000Z"}', event_id=f"{source}:{due}")
        await pass_time(it, 120)
        listed = await it.query("list_ticks")
    assert [row[3] for row in listed] == [1, 1, 1]


@pytest.mark.parametrize(
    ("timing", "error"),
    [
        (every(19), InvalidArgumentError),
        (every(30 * 24 * 3600 + 1), InvalidArgumentError),
        (cron("* * * * * *"), InvalidCronError),
        (cron("0 0 30 2 *"), CronNeverFiresError),
        (cron("0 0 * * *", "Mars/Base"), InvalidArgumentError),
        (cron("0 0 * * *", "../../etc/passwd"), InvalidArgumentError),
    ],
)
async def test_an_app_with_a_schedule_that_is_none_is_refused_and_nothing_is_stored(
    storage: Storage, ticks: Ticks, timing: Timing, error: type[Exception]
) -> None:
    async with world(storage, ticks.app) as it:
        ticks.job("good", every(60))
        with pytest.raises(error):
            await it.node.add(ticks.job("bad", timing))
        assert await timers(it) == {}


async def test_a_policy_that_is_none_is_refused(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.app) as it:
        trigger = ScheduleTriggerSpec(every(60), "some")  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match="catch_up is one of latest, all, none"):
            await it.node.add(ticks.app.job("bad", ticks.note, trigger))


async def test_a_cron_must_fire_within_five_years_when_it_is_new(storage: Storage, ticks: Ticks) -> None:
    # The next leap day that is a Sunday is in 2032, the one after in 2060.
    app = ticks.job("rare", cron("0 0 29 2 */7"))
    async with world(storage, app) as it:
        it.clock.advance(3 * 365 * DAY)
        await settle(it)
        await it.node.add(app)
        with pytest.raises(CronNeverFiresError, match="within 5 years from 2032-12-31"):
            await it.node.add(ticks.job("new", cron("1 0 29 2 */7")))


async def test_leap_days_and_the_turn_of_the_year_are_met(storage: Storage, ticks: Ticks) -> None:
    ticks.job("leap", cron("0 12 29 2 *"))
    async with world(storage, ticks.job("turn", cron("59 23 31 12 *", "Asia/Kolkata"))) as it:
        await pass_time(it, (3 * 365 + 1) * DAY)
    assert ticks.times("leap") == ["29T12:00"]
    assert ticks.times("turn") == ["31T18:29"] * 3


async def test_a_run_stays_with_its_tick_while_the_code_is_gone(storage: Storage, ticks: Ticks) -> None:
    app = ticks.job("job", every(60))
    async with world(storage, app) as it:
        app.is_missing.add("job")
        it.clock.advance(60)
        await until(lambda: len(app.executions) > 0)
        app.is_missing.clear()
        await it.node.add(app)
        await pass_time(it, 59)
    assert ticks.all == [Ticked("job", "01T00:01", None, SourceInfo("job"), None)]
