"""Schedules have one row for each key of their dispatcher, ticks one for each time; plans that are out of date fail."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from perdure.protocol.execution import AccountInfo, JsonText, SourceInfo
from perdure.protocol.schedules import CronTiming, IntervalTiming, ScheduleAnswer, V2CronTiming
from perdure.storage import environments, schedules, ticks, timers
from perdure.storage.interface import Session, Storage
from perdure.storage.schedules import NewSchedule
from perdure.storage.ticks import DueSchedule, ScheduledJob
from perdure.storage.timers import TimerKind
from tests.storage.nouns.rows import LATER, NOW, Seed, new_event, sow

HOURLY = IntervalTiming(3600)
NIGHTLY = CronTiming("0 3 * * *", "Europe/Berlin")
SOURCE = SourceInfo("ada", JsonText("1"))


async def plant(tx: Session, seed: Seed, key: str = "ada", *, dynamic_id: str = "reminders") -> tuple[int, int]:
    """Store a registration that is due; the numbers of its dispatcher and of itself."""
    dispatcher_no = await schedules.open_dispatcher(
        tx, seed.environment_no, kind="DYNAMIC_SCHEDULE", subscriber=dynamic_id
    )
    await schedules.attach_job(tx, seed.job_no, dispatcher_no)
    account_no, _ = await environments.open_account(tx, seed.environment_no, account_id="acme")
    new = NewSchedule(dispatcher_no, key, HOURLY, "all", account_no, JsonText("1"))
    schedule_no = await schedules.put_schedule(tx, seed.environment_no, schedule=new, now=NOW)
    await timers.set_timer(tx, TimerKind.SCHEDULE, subject_no=schedule_no, due_at=NOW)
    return dispatcher_no, schedule_no


async def due(storage: Storage, seed: Seed) -> list[DueSchedule]:
    return await storage.read(ticks.list_due, [seed.environment_no], now=NOW, limit=10)


async def test_a_key_names_one_schedule_of_a_dispatcher(storage: Storage) -> None:
    seed = await sow(storage)
    dispatcher_no, first = await storage.write(plant, seed)
    assert (await storage.write(plant, seed))[1] == first
    other = await storage.write(plant, seed, dynamic_id="reports")
    assert other[0] != dispatcher_no
    assert other[1] != first


async def test_a_schedule_that_is_put_again_keeps_its_creation_and_its_last_tick(storage: Storage) -> None:
    seed = await sow(storage)
    dispatcher_no, number = await storage.write(plant, seed)
    await storage.write(ticks.keep_last_tick, number, tick_at=NOW)
    changed = NewSchedule(dispatcher_no, "ada", NIGHTLY)
    await storage.write(schedules.stop_schedule, number)
    assert await storage.write(schedules.put_schedule, seed.environment_no, schedule=changed, now=LATER) == number

    row = await storage.read(schedules.find_schedule, seed.environment_no, dispatcher_no=dispatcher_no, key="ada")
    assert row == schedules.ScheduleRow(number, NIGHTLY, True, NOW, NOW, NOW)
    assert await storage.read(schedules.show_schedule, number) == ScheduleAnswer("ada", NIGHTLY, None, None, True)


async def test_a_cron_is_read_as_whoever_wrote_it_meant_it(storage: Storage) -> None:
    seed = await sow(storage)
    dispatcher_no, number = await storage.write(plant, seed)
    for timing in (V2CronTiming("0 3 * * *"), CronTiming("0 3 * * *")):
        changed = NewSchedule(dispatcher_no, "ada", timing)
        await storage.write(schedules.put_schedule, seed.environment_no, schedule=changed, now=LATER)
        (one,) = await due(storage, seed)
        assert one.timing == timing
        assert (await storage.read(schedules.show_schedule, number)).timing == timing


async def test_what_is_due_comes_with_all_that_its_ticks_need(storage: Storage) -> None:
    seed = await sow(storage)
    dispatcher_no, number = await storage.write(plant, seed)
    (found,) = await due(storage, seed)
    assert found == DueSchedule(
        number, seed.environment_no, 1, HOURLY, "all", NOW, None, dispatcher_no, "DYNAMIC_SCHEDULE", "reminders", "ada",
        JsonText("1"), found.account_no, AccountInfo("acme"),
    )  # fmt: skip
    jobs = await storage.read(ticks.list_jobs, [dispatcher_no])
    assert jobs == [ScheduledJob(dispatcher_no, seed.job_no, "job", seed.version_no, "1.0.0")]
    assert await storage.read(ticks.list_due, [seed.environment_no + 1], now=NOW, limit=10) == []


@pytest.mark.parametrize("next_at", [LATER, None], ids=["moved", "dropped"])
async def test_a_timer_moves_only_as_it_and_its_schedule_were_read(storage: Storage, next_at: object) -> None:
    seed = await sow(storage)
    _, number = await storage.write(plant, seed)
    (seen,) = await due(storage, seed)
    move = ticks.move_timer_if_unchanged
    assert not await storage.write(move, replace(seen, due_at=LATER), next_at=next_at)
    assert not await storage.write(move, replace(seen, revision=2), next_at=next_at)
    assert await storage.write(move, seen, next_at=next_at)
    assert not await storage.write(move, seen, next_at=next_at)

    await storage.write(plant, seed)
    await storage.write(schedules.stop_schedule, number)
    assert not await storage.write(move, seen, next_at=next_at)


async def test_a_tick_and_its_event_are_stored_once(storage: Storage) -> None:
    seed = await sow(storage)
    _, number = await storage.write(plant, seed)
    (schedule,) = await due(storage, seed)
    event = new_event("sched_1:0")
    event_no = await storage.write(ticks.insert_event, schedule, event=event, source=SOURCE, now=NOW)
    assert event_no is not None
    assert await storage.write(ticks.insert_event, schedule, event=event, source=SOURCE, now=NOW) is None
    noted = [await storage.write(ticks.insert_tick, number, tick_at=at, event_no=event_no) for at in (NOW, NOW, LATER)]
    assert noted == [True, False, True]


async def test_a_job_is_started_by_the_schedules_of_one_dispatcher(storage: Storage) -> None:
    seed = await sow(storage)
    first, _ = await storage.write(plant, seed)
    second, _ = await storage.write(plant, seed, dynamic_id="reports")
    assert await storage.read(schedules.find_dynamic, seed.environment_no, dynamic_id="reminders") == (first, False)
    assert await storage.read(schedules.find_dynamic, seed.environment_no, dynamic_id="reports") == (second, True)
    await storage.write(schedules.rest_without_jobs, seed.environment_no)
    assert [one.dispatcher_no for one in await due(storage, seed)] == [second]

    await storage.write(schedules.attach_job, seed.job_no, first)
    resting = await storage.read(schedules.list_resting, seed.environment_no, after=0, limit=10, now=NOW)
    assert len(resting) == 1
    after = resting[0].schedule_no
    assert await storage.read(schedules.list_resting, seed.environment_no, after=after, limit=10, now=NOW) == []
    await storage.write(schedules.detach_job, seed.job_no)
    assert await storage.read(schedules.find_dynamic, seed.environment_no, dynamic_id="reminders") == (first, False)


async def test_a_job_that_its_endpoint_no_longer_declares_is_detached(storage: Storage) -> None:
    seed = await sow(storage)
    dispatcher_no, _ = await storage.write(plant, seed)
    for endpoint_no, declared, left in ((2, [], 1), (1, [seed.job_no], 1), (1, [], 0)):
        await storage.write(schedules.detach_undeclared, endpoint_no=endpoint_no, declared=declared)
        assert len(await storage.read(ticks.list_jobs, [dispatcher_no])) == left


async def test_active_registrations_are_counted_up_to_a_limit(storage: Storage) -> None:
    seed = await sow(storage)
    numbers = [(await storage.write(plant, seed, key))[1] for key in ("a", "b", "c")]
    count = schedules.count_registrations
    assert await storage.read(count, seed.environment_no, limit=10) == 3
    assert await storage.read(count, seed.environment_no, limit=2) == 2
    await storage.write(schedules.stop_schedule, numbers[0])
    assert await storage.read(count, seed.environment_no, limit=10) == 2
    assert await storage.read(count, seed.environment_no + 1, limit=10) == 0
