"""Schedules that runs and callers register, by calls of either form."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from perdure import IO, DynamicSchedule, ScheduledPayload, ScheduleRegistration, SyncIO
from perdure.errors import CacheKeyMismatchError, InvalidArgumentError, NotInRunError
from tests.scenarios.app import PATIENCE, SUSPENDS, App, task_of
from tests.scenarios.registrations import HOURLY, MORNINGS, registration


async def test_a_run_registers_and_unregisters_schedules_once(app: App) -> None:
    schedule = app.client.define_dynamic_schedule("reminders")

    @app.job(trigger=schedule)
    async def remind(payload: ScheduledPayload) -> None: ...

    @app.job
    async def signs_up(payload: Any, io: IO) -> list[ScheduleRegistration]:
        found = [
            await schedule.register("hourly", "ada", seconds=3600, account_id="acme", metadata={"to": ["ada", 1]}),
            await schedule.register("mornings", "bob", **MORNINGS),
            await schedule.register("again", "ada", cron="5 4 * * *"),
        ]
        await io.wait("w", 0.005)
        found.append(await schedule.unregister("stop", "bob"))
        await io.wait("w2", 0.005)
        return [*found, await schedule.unregister("stop again", "bob")]

    async with app.start():
        handle = await app.client.invoke(signs_up)
        assert await handle.result(timeout=PATIENCE) == [
            registration("ada", HOURLY, account_id="acme", metadata={"to": ["ada", 1]}),
            registration("bob", MORNINGS),
            registration("ada", {"cron": "5 4 * * *", "timezone": "UTC"}),
            registration("bob", MORNINGS, active=False),
            registration("bob", MORNINGS, active=False),
        ]
        run = await app.look_up(handle.id)
    task = task_of(run, "hourly")
    assert (task.name, task.operation, task.icon) == ("Register Schedule ada", "schedule.register", "schedule-interval")
    assert task.params == {
        "schedule": "reminders",
        "id": "ada",
        "seconds": 3600,
        "account_id": "acme",
        "metadata": {"to": ["ada", 1]},
    }
    assert task_of(run, "stop").name == "Unregister Schedule bob"


async def test_the_calls_that_v2_had_do_the_same(app: App) -> None:
    schedule = app.client.define_dynamic_schedule("reminders")

    @app.job
    async def signs_up(payload: Any, io: IO) -> list[ScheduleRegistration]:
        return [
            await io.register_interval("a", schedule, "ada", seconds=60, account_id="acme", metadata=5),
            await io.register_cron("b", schedule, "bob", **MORNINGS),
            await io.unregister_interval("c", schedule, "ada"),
            await io.unregister_cron("d", schedule, "bob"),
            await io.register_interval(schedule=schedule, id="cyd", seconds=20),
        ]

    ada = registration("ada", {"seconds": 60}, account_id="acme", metadata=5)
    assert await app.result(signs_up) == [
        ada,
        registration("bob", MORNINGS),
        registration("ada", {"seconds": 60}, account_id="acme", metadata=5, active=False),
        registration("bob", MORNINGS, active=False),
        registration("cyd", {"seconds": 20}),
    ]


async def test_a_schedule_that_is_defined_twice_is_one(app: App) -> None:
    first, second = (app.client.define_dynamic_schedule("reminders") for _ in range(2))
    assert first is second
    assert isinstance(first, DynamicSchedule)
    assert first.id == "reminders"
    async with app.start():
        with pytest.raises(InvalidArgumentError, match="define it before start"):
            app.client.define_dynamic_schedule("reports")


async def test_only_what_defines_a_dynamic_schedule_is_one(app: App) -> None:
    @app.job
    async def signs_up(payload: Any, io: IO) -> str:
        try:
            await io.register_interval("k", "reminders", "ada", seconds=60)  # type: ignore[arg-type]
        except InvalidArgumentError as error:
            return error.message
        return "no error"

    assert "client.define_dynamic_schedule" in await app.result(signs_up)


async def test_automatic_keys_tell_registrations_apart_and_notice_another_timing(app: App) -> None:
    schedule = app.client.define_dynamic_schedule("reminders")
    seconds = [60]

    @app.job
    async def signs_up(payload: Any, io: IO) -> str:
        await schedule.register(id="bob", seconds=60)
        try:
            await schedule.register(id="ada", seconds=seconds[0])
        except CacheKeyMismatchError as error:
            return error.code
        seconds[0] = 120
        await schedule.register(id="ada", seconds=120)
        await io.wait("w", SUSPENDS)
        return "not executed again"

    assert await app.result(signs_up) == ("cache_key_mismatch" if app.force_replay else "not executed again")


async def test_plain_functions_register_with_the_blocking_form(app: App) -> None:
    schedule = app.client.define_dynamic_schedule("reminders")

    @app.job
    def signs_up(payload: Any, io: SyncIO) -> list[ScheduleRegistration]:
        def inside(task: Any, io: SyncIO) -> Any:
            return schedule.sync.register("nested", "cyd", **HOURLY)

        found = [schedule.sync.register("a", "ada", **MORNINGS, account_id="acme", metadata=[1])]
        io.wait("w", 0.005)
        found.append(schedule.sync.unregister("stop", "ada"))
        found.append(io.register_interval("b", schedule, "bob", seconds=60))
        found.append(io.run_task("body", inside, as_type=ScheduleRegistration))
        return [*found, schedule.sync.register(id="dan", seconds=60)]

    ada = registration("ada", MORNINGS, account_id="acme", metadata=[1])
    assert await app.result(signs_up) == [
        ada,
        msgspec.structs.replace(ada, active=False),
        registration("bob", {"seconds": 60}),
        registration("cyd", HOURLY),
        registration("dan", {"seconds": 60}),
    ]


async def test_each_form_says_so_where_the_other_belongs(app: App) -> None:
    schedule = app.client.define_dynamic_schedule("reminders")

    @app.job
    def plain(payload: Any, io: SyncIO) -> str:
        try:
            schedule.register("k", "ada", **HOURLY)
        except InvalidArgumentError as error:
            return error.message
        return "no error"

    @app.job
    async def awaiting(payload: Any, io: IO) -> str:
        try:
            schedule.sync.register("k", "ada", **HOURLY)
        except InvalidArgumentError as error:
            return error.message
        return "no error"

    async with app.start():
        for job, sentence in ((plain, "call schedule.sync.register"), (awaiting, "await schedule.register")):
            handle = await app.client.invoke(job)
            assert sentence in await handle.result(timeout=PATIENCE)
        with pytest.raises(NotInRunError, match=r"call client\.unregister_schedule"):
            schedule.sync.unregister("k", "ada")
