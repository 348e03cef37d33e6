"""What becomes of ticks that were missed: the node was down, suspended or late, or the clock was set."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from perdure.config.settings import Settings
from perdure.engine.schedule_changes import register_schedule
from perdure.protocol.schedules import CatchUp, RegisterSchedule
from perdure.storage.interface import Session, Storage
from tests.engine.app import ScriptedApp
from tests.engine.clock import START, ManualClock
from tests.engine.conftest import open_storage
from tests.engine.storages import FailingStorage
from tests.engine.ticking import DAY, Ticks, cron, every, pass_time, settle, timers, until
from tests.engine.world import World, world

POLICIES: list[CatchUp] = ["latest", "all", "none"]
HOURLY = cron("0 * * * *")
MANY = 10_000 if os.environ.get("PERDURE_PROVE") else 2_000


@pytest.fixture
def ticks(app: ScriptedApp) -> Ticks:
    return Ticks(app)


def declare(ticks: Ticks) -> ScriptedApp:
    for policy in POLICIES:
        ticks.job(policy, HOURLY, policy)
    return ticks.app


def measure_steps(world: World) -> list[int]:
    """Note from now on how many runs each transaction that fires ticks creates."""
    starts = world.node._schedules._starts
    sizes: list[int] = []

    class Measured:
        async def write(self, planned: Sequence[object], *args: Any, **kwargs: Any) -> Any:
            sizes.append(len(planned))
            return await starts.write(planned, *args, **kwargs)  # type: ignore[arg-type]

    world.node._schedules._starts = Measured()  # type: ignore[assignment]
    return sizes


def hours(first: int, last: int) -> list[str]:
    return [f"{1 + hour // 24:02}T{hour % 24:02}:00" for hour in range(first, last + 1)]


async def test_after_a_restart_the_policy_says_which_of_the_missed_ticks_fire(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, declare(ticks)) as it:
        await pass_time(it, 1.5 * 3600)
    ticks.app.clock.advance(3 * DAY)
    async with world(storage, ticks.app, seed=1) as it:
        await pass_time(it, 3600)
    assert ticks.times("latest") == ["01T01:00", "04T01:00", "04T02:00"]
    assert ticks.times("all") == hours(1, 3 * 24 + 2)
    assert ticks.times("none") == ["01T01:00", "04T02:00"]


async def test_each_tick_says_when_the_one_before_was(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, declare(ticks)) as it:
        await pass_time(it, 3600)
    ticks.app.clock.advance(5 * 3600)
    async with world(storage, ticks.app, seed=1) as it:
        await pass_time(it, 3600)
    for policy in POLICIES:
        told = sorted((one.ts, one.last) for one in ticks.all if one.job == policy)
        assert told[0][1] is None
        assert [last for _, last in told[1:]] == [ts for ts, _ in told[:-1]]


async def test_a_tick_missed_alone_follows_the_policy_too(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, declare(ticks)) as it:
        await pass_time(it, 1800)
    ticks.app.clock.advance(1801)
    async with world(storage, ticks.app, seed=1) as it:
        await settle(it)
        assert await timers(it) == dict.fromkeys(POLICIES, "01T02:00")
    assert (ticks.times("latest"), ticks.times("all"), ticks.times("none")) == (["01T01:00"], ["01T01:00"], [])


async def test_a_node_that_was_suspended_has_missed_ticks_and_one_that_was_busy_has_not(
    storage: Storage, ticks: Ticks
) -> None:
    async with world(storage, ticks.job("none", every(3600), "none")) as it:
        it.clock.advance(3600)
        await settle(it)
        it.clock.advance(3599)
        await until(lambda: it.node._attendance.seen == it.clock.now())
        it.clock.advance(9)
        await settle(it)
        it.clock.advance(2 * 3600)
        await settle(it)
    assert ticks.times() == ["01T01:00", "01T02:00"]


async def test_a_tick_that_could_not_be_stored_at_once_is_late_and_not_missed(
    storage: Storage, app: ScriptedApp
) -> None:
    ticks = Ticks(app)
    failing = FailingStorage(storage)
    async with world(failing, declare(ticks)) as it:  # type: ignore[arg-type]
        failing.before.add("fire_ticks")
        it.clock.advance(3600)
        async with asyncio.timeout(60):
            await failing.failed.wait()
        failing.before.clear()
        it.clock.advance(1)
        await settle(it)
    assert ticks.times() == ["01T01:00"] * 3


async def test_a_tick_whose_commit_is_in_doubt_fires_once(storage: Storage, app: ScriptedApp) -> None:
    ticks = Ticks(app)
    failing = FailingStorage(storage)
    async with world(failing, declare(ticks)) as it:  # type: ignore[arg-type]
        failing.after.add("fire_ticks")
        it.clock.advance(3600)
        async with asyncio.timeout(60):
            await failing.failed.wait()
        failing.after.clear()
        it.clock.advance(1)
        await settle(it)
        listed = await it.query("list_ticks")
    assert [row[3] for row in listed] == [1, 1, 1]
    assert ticks.times() == ["01T01:00"] * 3


async def test_a_clock_that_is_set_forward_misses_and_one_that_is_set_back_repeats_nothing(
    storage: Storage, ticks: Ticks
) -> None:
    async with world(storage, declare(ticks)) as it:
        await pass_time(it, 3600)
        it.clock.step(1.5 * DAY)
        await settle(it)
        it.clock.step(-1.5 * DAY)
        await settle(it)
        assert set((await timers(it)).values()) == {"02T14:00"}
        it.clock.advance(DAY)
        await settle(it)
        it.clock.advance(13 * 3600)
        await settle(it)
    assert ticks.times("latest") == ["01T01:00", "02T13:00", "02T14:00"]
    assert ticks.times("all") == hours(1, 38)
    assert ticks.times("none") == ["01T01:00", "02T13:00", "02T14:00"]


async def test_a_restart_after_the_clock_was_wrong_goes_on_at_the_right_time(
    storage: Storage, app: ScriptedApp
) -> None:
    ticks = Ticks(app)
    async with world(storage, declare(ticks)) as it:
        await pass_time(it, 3600)
        it.clock.step(1.5 * DAY)
        await settle(it)
    app.clock = ManualClock()
    app.clock.advance(2 * 3600)
    async with world(storage, app, seed=1) as it:
        assert set((await timers(it)).values()) == {"01T03:00"}
        await pass_time(it, 2 * 3600)
    assert ticks.times("latest") == ["01T01:00", "01T03:00", "01T04:00", "02T13:00"]
    assert ticks.times("all") == hours(1, 37)


async def test_two_nodes_on_one_database_fire_each_tick_once(storage: Storage, app: ScriptedApp) -> None:
    ticks = Ticks(app)
    other = ScriptedApp(app.clock, endpoint_id="other")
    theirs = Ticks(other)
    declare(ticks)
    async with (
        world(storage, app, shares_database=True) as one,
        world(storage, other, shares_database=True, seed=1) as another,
    ):
        for _ in range(5):
            app.clock.advance(3600)
            await asyncio.gather(one.node._schedules.fire_due(500), another.node._schedules.fire_due(500))
            # The node that has not the code may have come first, and have put a run off for a while.
            async with asyncio.timeout(30):
                while await one.query("find_unsettled", app.clock.now_ms()):
                    app.clock.advance(0.01)
        listed = await one.query("list_ticks")
    assert theirs.all == []
    assert len(listed) == 15
    assert {row[3] for row in listed} == {1}
    assert ticks.times() == sorted(hours(1, 5) * 3)


async def test_many_missed_ticks_are_caught_up_with_in_bounded_steps(storage: Storage, ticks: Ticks) -> None:
    app = ticks.job("often", every(20), "all")
    async with world(storage, app) as it:
        await settle(it)
    app.clock.advance(20 * 2000)
    async with world(storage, app, seed=1, settings=Settings(timer_batch=300)) as it:
        sizes = measure_steps(it)
        await settle(it)
    assert sum(sizes) == 2000
    assert max(sizes) == 300
    assert len(set(ticks.times())) == len(ticks.all) == 2000


async def register_all(tx: Session, environment_no: int, calls: list[RegisterSchedule]) -> None:
    for call in calls:
        await register_schedule(tx, environment_no, call, most=len(calls), now=START)


async def test_thousands_of_schedules_that_are_due_at_once_fire_in_bounded_steps(app: ScriptedApp) -> None:
    ticks = Ticks(app)
    storage = open_storage(None)
    morning = cron("0 9 * * *", "Europe/Berlin")
    async with world(storage, ticks.dynamic("reminders", "remind")) as it:
        calls = [RegisterSchedule("reminders", str(key), morning) for key in range(MANY)]
        await storage.write(register_all, it.node.own.number, calls)
        it.clock.advance(9 * 3600)
        sizes = measure_steps(it)
        await settle(it)
    await storage.close()
    assert (sum(sizes), max(sizes)) == (MANY, 200)
    assert len({one.source for one in ticks.all}) == len(ticks.all) == MANY


async def test_whoever_catches_up_leaves_room_for_others(storage: Storage, ticks: Ticks) -> None:
    app = ticks.job("often", every(20), "all").job("other", ticks.note)
    ticks.job("hourly", HOURLY)
    async with world(storage, app) as it:
        await settle(it)
    app.clock.advance(3600 * 24)
    async with world(storage, app, seed=1) as it:
        await settle(it)
    assert [one.job for one in ticks.all].index("hourly") < 1000
    assert all(later > earlier for earlier, later in pairwise(ticks.times("often")))
