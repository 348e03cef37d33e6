"""Schedules of v2 clients, which may tick each second."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.errors import CronNeverFiresError, InvalidCronError
from perdure.protocol.schedules import CronTiming, RegisterSchedule, V2CronTiming
from perdure.storage.interface import Storage
from tests.engine.app import ScriptedApp
from tests.engine.clock import START
from tests.engine.ticking import DAY, Ticks, pass_time, register, settle, timers, until
from tests.engine.world import world

EACH_SECOND = V2CronTiming("* * * * * *")


@pytest.fixture
def ticks(app: ScriptedApp) -> Ticks:
    app.is_remote = True
    return Ticks(app)


async def test_a_cron_with_seconds_ticks_at_its_seconds(storage: Storage, ticks: Ticks) -> None:
    ticks.job("seconds", V2CronTiming("10,40 59 23 L * *"))
    async with world(storage, ticks.app) as it:
        await pass_time(it, 31 * DAY)
    assert ticks.times() == ["31T23:59:10", "31T23:59:40"]


async def test_a_schedule_that_ticks_each_second_fires_each_tick_once_while_the_node_is_awake(
    storage: Storage, ticks: Ticks
) -> None:
    async with world(storage, ticks.job("often", EACH_SECOND)) as it:
        await pass_time(it, 70.5)
        listed = await it.query("list_ticks")
    expected = [START + timedelta(seconds=second) for second in range(1, 71)]
    assert [int(str(row[1])) for row in listed] == [int(at.timestamp() * 1000) for at in expected]
    assert [one.last for one in ticks.all[1:]] == [one.ts for one in ticks.all[:-1]]


async def test_of_the_seconds_that_were_missed_the_last_one_fires_alone(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.job("often", EACH_SECOND)) as it:
        await pass_time(it, 2)
    ticks.app.clock.advance(3 * DAY + 0.25)
    async with world(storage, ticks.app, seed=1) as it:
        await until(lambda: len(ticks.all) == 3)
        await settle(it)
        # The same index keeps the schedule as it is.
        assert await timers(it) == {"often": "04T00:00:03"}
        await pass_time(it, 1)
    assert ticks.times() == ["01T00:00:01", "01T00:00:02", "04T00:00:02", "04T00:00:03"]


async def test_a_node_that_is_slow_fires_one_tick_and_not_all_that_have_passed(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.job("often", V2CronTiming("*/2 * * * * *"))) as it:
        for _ in range(5):
            it.clock.advance(601)
            await settle(it)
    assert ticks.times() == ["01T00:10", "01T00:20:02", "01T00:30:02", "01T00:40:04", "01T00:50:04"]


async def test_what_was_registered_by_a_v2_client_ticks_after_a_restart_too(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "remind")) as it:
        await register(it, "reminders", "ada", V2CronTiming("*/30 * * * * *"))
        (listed,) = (await it.platform.list_schedules()).schedules
        assert listed.timing == V2CronTiming("*/30 * * * * *")
    async with world(storage, ticks.app, seed=1) as it:
        await pass_time(it, 60)
    assert ticks.times() == ["01T00:00:30", "01T00:01"]


async def test_the_same_text_of_another_client_is_another_cron(storage: Storage, ticks: Ticks) -> None:
    text = "0 0 */2 * FRI"
    async with world(storage, ticks.job("v2", V2CronTiming(text)).job("other", ticks.note)) as it:
        ticks.job("plain", CronTiming(text))
        await it.node.add(ticks.app)
        assert await timers(it) == {"v2": "03T00:00", "plain": "11T00:00"}
        ticks.app.jobs = [spec for spec in ticks.app.jobs if spec.id != "v2"]
        ticks.job("v2", CronTiming(text))
        await it.node.add(ticks.app)
        assert await timers(it) == {"v2": "11T00:00", "plain": "11T00:00"}


@pytest.mark.parametrize(
    ("text", "error"), [("*/2 * * * * * *", InvalidCronError), ("0 0 31 2,4 *", CronNeverFiresError)]
)
async def test_a_registration_that_was_none_in_v2_is_refused(
    storage: Storage, ticks: Ticks, text: str, error: type[Exception]
) -> None:
    async with world(storage, ticks.dynamic("reminders", "remind")) as it:
        with pytest.raises(error):
            await it.platform.register_schedule(RegisterSchedule("reminders", "ada", V2CronTiming(text)))
        assert (await it.platform.list_schedules()).schedules == ()
