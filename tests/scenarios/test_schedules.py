"""Schedules, as jobs and callers meet them. Time passes here by a restart of the node with a clock that is ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from perdure import (
    IO,
    Client,
    Context,
    DynamicSchedule,
    ScheduledPayload,
    ScheduleRegistration,
    SyncIO,
    cron_trigger,
    interval_trigger,
    invoke_trigger,
)
from perdure.errors import (
    CacheKeyMismatchError,
    CronNeverFiresError,
    InvalidArgumentError,
    InvalidCronError,
    NotFoundError,
    NotInRunError,
    UnserializableOutputError,
    UseIoError,
    ValueTooLargeError,
)
from tests.scenarios.app import PATIENCE, SUSPENDS, App, task_of

Later = Callable[[float], None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Let the clocks of nodes that start from now on be so many seconds ahead."""
    return lambda seconds: monkeypatch.setenv("PERDURE_CLOCK_OFFSET", str(seconds))


def registration(id: str, timing: dict[str, Any], **members: Any) -> ScheduleRegistration:
    rest = {"seconds": None, "cron": None, "timezone": None, "account_id": None, "metadata": None, "active": True}
    return ScheduleRegistration(id=id, **(rest | timing | members))


HOURLY = {"seconds": 3600}
MORNINGS = {"cron": "0 9 * * MON-FRI", "timezone": "Europe/Berlin"}


class Seen:
    """What runs that schedules have started were given."""

    def __init__(self) -> None:
        self.runs: list[tuple[ScheduledPayload, Context]] = []

    async def note(self, payload: ScheduledPayload, io: IO, ctx: Context) -> None:
        self.runs.append((payload, ctx))

    async def reach(self, count: int) -> None:
        """Wait until so many runs have begun."""
        async with asyncio.timeout(PATIENCE):
            while len(self.runs) < count:  # noqa: ASYNC110 - the job is to stay as simple as users write it.
                await asyncio.sleep(0.005)
        assert len(self.runs) == count


async def test_a_scheduled_job_is_given_the_times_of_its_tick_and_of_the_one_before(
    durable_app: App, later: Later
) -> None:
    seen = Seen()
    trigger = interval_trigger(seconds=timedelta(hours=1))
    durable_app.job(seen.note, id="hourly", trigger=trigger)
    begun = datetime.now(UTC)
    async with durable_app.start():
        ended = datetime.now(UTC)
    for count, hours in enumerate((1.5, 4.5), start=1):
        later(hours * 3600)
        async with durable_app.start():
            await seen.reach(count)
    (first, context), (second, _) = seen.runs
    assert begun - timedelta(milliseconds=1) <= first.ts - timedelta(hours=1) <= ended
    assert first.last_timestamp is None
    assert second == ScheduledPayload(first.ts + timedelta(hours=3), first.ts)
    assert second.ts.tzinfo is UTC
    assert context.source is not None
    assert (context.source.id, context.source.metadata, context.account) == ("hourly", None, None)
    assert (context.event.name, context.event.timestamp) == ("dev.trigger.scheduled", first.ts)


async def test_a_plain_payload_annotation_gets_the_scheduled_payload_too(durable_app: App, later: Later) -> None:
    given: list[Any] = []
    came = asyncio.Event()

    @durable_app.job(trigger=cron_trigger(cron="*/5 * * * *", timezone="Asia/Kolkata"))
    async def often(payload: Any) -> None:
        given.append(payload)
        came.set()

    async with durable_app.start():
        pass
    later(1000)
    async with durable_app.start():
        await asyncio.wait_for(came.wait(), PATIENCE)
    assert isinstance(given[0], ScheduledPayload)
    assert given[0].ts.minute % 5 == 0


async def test_what_catch_up_says_is_what_happens_to_missed_ticks(durable_app: App, later: Later) -> None:
    seen: dict[str, Seen] = {policy: Seen() for policy in ("latest", "all", "none")}
    for policy, one in seen.items():
        trigger = interval_trigger(seconds=60, catch_up=policy)  # type: ignore[arg-type]
        durable_app.job(one.note, id=policy, trigger=trigger)
    async with durable_app.start():
        pass
    later(330)
    async with durable_app.start():
        await seen["all"].reach(5)
        await seen["latest"].reach(1)
        await asyncio.sleep(0)
    assert seen["none"].runs == []
    assert seen["latest"].runs[0][0].ts - seen["all"].runs[-1][0].ts < timedelta(seconds=1)


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


async def test_schedules_are_registered_from_outside_and_in_task_bodies(app: App, later: Later) -> None:
    schedule = app.client.define_dynamic_schedule("reminders")
    client = app.client

    @app.job
    async def signs_up(payload: Any, io: IO) -> list[Any]:
        async def inside(task: Any, io: IO) -> Any:
            return await schedule.register("nested", "ada", **HOURLY)

        async def plain() -> Any:
            return await client.register_schedule("reminders", "bob", **HOURLY)

        return [await io.run_task("a", inside), await io.run_task("b", plain)]

    async with app.start():
        handle = await client.invoke(signs_up)
        assert [one["id"] for one in await handle.result(timeout=PATIENCE)] == ["ada", "bob"]
        made = await client.register_schedule(
            "reminders", "eve", **MORNINGS, account_id="acme", metadata={"n": [1, None]}
        )
        assert made == registration("eve", MORNINGS, account_id="acme", metadata={"n": [1, None]})
        assert await client.register_schedule("reminders", "eve", seconds=20.0) == registration("eve", {"seconds": 20})
        assert not (await client.unregister_schedule("reminders", "eve")).active
        assert not (await client.unregister_schedule("reminders", "ada")).active
        sync = client.sync
        made = await asyncio.to_thread(sync.register_schedule, "reminders", "fay", seconds=timedelta(days=30))
        assert made == registration("fay", {"seconds": 2_592_000})
        assert not (await asyncio.to_thread(sync.unregister_schedule, "reminders", "fay")).active


async def test_what_is_registered_ticks_for_every_job_and_outlives_restarts(durable_app: App, later: Later) -> None:
    schedule = durable_app.client.define_dynamic_schedule("reminders")
    mails, texts = Seen(), Seen()
    durable_app.job(mails.note, id="mail", trigger=schedule)
    durable_app.job(texts.note, id="text", trigger=schedule)
    async with durable_app.start():
        await durable_app.client.register_schedule("reminders", "ada", **HOURLY, account_id="acme", metadata=[1, "ü"])
        await durable_app.client.register_schedule("reminders", "bob", **HOURLY)
        await durable_app.client.unregister_schedule("reminders", "bob")
    later(4000)
    async with durable_app.start():
        await mails.reach(1)
        await texts.reach(1)
    for one in (mails, texts):
        _, context = one.runs[0]
        assert context.source is not None
        assert context.account is not None
        assert (context.source.id, context.source.metadata, context.account.id) == ("ada", [1, "ü"], "acme")


async def test_a_schedule_that_is_defined_twice_is_one(app: App) -> None:
    first, second = (app.client.define_dynamic_schedule("reminders") for _ in range(2))
    assert first is second
    assert isinstance(first, DynamicSchedule)
    assert first.id == "reminders"
    async with app.start():
        with pytest.raises(InvalidArgumentError, match="define it before start"):
            app.client.define_dynamic_schedule("reports")


@pytest.mark.parametrize("id", ["", "x" * 513, "a\nb", 5, None, ".."])
def test_what_is_no_id_of_a_dynamic_schedule_is_refused(id: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="id of a dynamic schedule"):
        Client(id="c").define_dynamic_schedule(id)


BAD: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "neither": ({}, InvalidArgumentError),
    "both": ({"seconds": 60, "cron": "* * * * *"}, InvalidArgumentError),
    "a short interval": ({"seconds": 19}, InvalidArgumentError),
    "a long interval": ({"seconds": 2_592_001}, InvalidArgumentError),
    "half a second": ({"seconds": 20.5}, InvalidArgumentError),
    "no number": ({"seconds": "60"}, InvalidArgumentError),
    "a truth": ({"seconds": True}, InvalidArgumentError),
    "not a number": ({"seconds": float("nan")}, InvalidArgumentError),
    "an interval in a zone": ({"seconds": 60, "timezone": "Europe/Berlin"}, InvalidArgumentError),
    "six fields": ({"cron": "* * * * * *"}, InvalidCronError),
    "no text": ({"cron": 5}, InvalidCronError),
    "a cron that never fires": ({"cron": "0 0 30 2 *"}, CronNeverFiresError),
    "no zone": ({"cron": "* * * * *", "timezone": "../../etc/passwd"}, InvalidArgumentError),
    "an empty account": ({"seconds": 60, "account_id": ""}, InvalidArgumentError),
    "metadata without JSON form": ({"seconds": 60, "metadata": object()}, UnserializableOutputError),
    "much metadata": ({"seconds": 60, "metadata": "x" * 65_536}, ValueTooLargeError),
}


@pytest.mark.parametrize(("arguments", "error"), BAD.values(), ids=BAD.keys())
async def test_what_cannot_be_registered_is_refused_everywhere(
    app: App, arguments: dict[str, Any], error: type[Exception]
) -> None:
    schedule = app.client.define_dynamic_schedule("reminders")

    @app.job
    async def signs_up(payload: Any, io: IO) -> str:
        try:
            await schedule.register("k", "ada", **arguments)
        except error as refusal:
            return type(refusal).__name__
        return "no error"

    async with app.start():
        handle = await app.client.invoke(signs_up)
        assert await handle.result(timeout=PATIENCE) == error.__name__
        with pytest.raises(error):
            await app.client.register_schedule("reminders", "ada", **arguments)
        with pytest.raises(NotFoundError, match="Nothing was registered"):
            await app.client.unregister_schedule("reminders", "ada")


@pytest.mark.parametrize("id", ["", "x" * 513, "a\nb", 5, None])
async def test_what_is_no_id_of_a_registration_is_refused(app: App, id: Any) -> None:
    schedule = app.client.define_dynamic_schedule("reminders")

    @app.job
    async def signs_up(payload: Any, io: IO) -> list[str]:
        told: list[str] = []
        for call in (lambda: schedule.register("k", id, **HOURLY), lambda: schedule.unregister("u", id)):
            try:
                await call()
            except InvalidArgumentError as error:
                told.append(error.message[:21])
        return told

    async with app.start():
        handle = await app.client.invoke(signs_up)
        assert await handle.result(timeout=PATIENCE) == ["The id of a schedule "] * 2
        with pytest.raises(InvalidArgumentError, match="The id of a schedule"):
            await app.client.register_schedule("reminders", id, **HOURLY)


async def test_an_unknown_dynamic_schedule_fails_the_task_in_every_execution(app: App) -> None:
    stranger = Client(id="other").define_dynamic_schedule("reminder")
    app.client.define_dynamic_schedule("reminders")
    told: list[str] = []

    @app.job
    async def signs_up(payload: Any, io: IO) -> str:
        try:
            await stranger.register("k", "ada", **HOURLY)
        except NotFoundError as error:
            told.append(error.message)
        await io.wait("w", SUSPENDS)
        return "went on"

    assert await app.result(signs_up) == "went on"
    sentence = "This environment has never seen a dynamic schedule 'reminder'. Did you mean 'reminders'?"
    assert told == [sentence] * (2 if app.force_replay else 1)


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


async def test_plain_calls_are_refused_in_a_job_and_tasks_outside_of_runs(app: App) -> None:
    schedule = app.client.define_dynamic_schedule("reminders")

    @app.job
    async def signs_up(payload: Any, io: IO) -> list[str]:
        told: list[str] = []
        for call in (
            lambda: app.client.register_schedule("reminders", "ada", **HOURLY),
            lambda: app.client.unregister_schedule("reminders", "ada"),
        ):
            try:
                await call()
            except UseIoError as error:
                told.append(error.message)
        return told

    async with app.start():
        handle = await app.client.invoke(signs_up)
        first, second = await handle.result(timeout=PATIENCE)
        assert "use the schedule's register" in first
        assert "use the schedule's unregister" in second
        with pytest.raises(NotInRunError, match=r"call client\.register_schedule"):
            schedule.register("k", "ada", **HOURLY)
        with pytest.raises(NotInRunError, match=r"call client\.unregister_schedule"):
            schedule.unregister("k", "ada")


async def test_an_app_with_a_cron_that_fires_too_seldom_does_not_start(durable_app: App, later: Later) -> None:
    later(9 * 365.25 * 24 * 3600)
    # The leap days that are Sundays: 2032, 2060.
    durable_app.job(Seen().note, id="rare", trigger=cron_trigger(cron="0 0 29 2 */7"))
    with pytest.raises(CronNeverFiresError, match="within 5 years"):
        async with durable_app.start():
            pass


async def test_a_job_without_its_schedule_any_more_is_not_started(durable_app: App, later: Later) -> None:
    seen = Seen()
    durable_app.job(seen.note, id="hourly", trigger=interval_trigger(seconds=3600))
    async with durable_app.start():
        pass
    later(4000)
    successor = durable_app.successor()
    successor.job(seen.note, id="hourly", trigger=invoke_trigger(schema=ScheduledPayload), version="2.0.0")
    async with successor.start():
        runs = await successor.client.get_runs("hourly")
    assert runs.runs == ()


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
