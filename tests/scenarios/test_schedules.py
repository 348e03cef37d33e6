"""Schedules, as jobs meet them. Time passes here by a restart of the node with a clock that is ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, Context, ScheduledPayload, cron_trigger, interval_trigger, invoke_trigger
from perdure.errors import CronNeverFiresError
from tests.scenarios.app import PATIENCE, App
from tests.scenarios.registrations import HOURLY, MORNINGS, registration

Later = Callable[[float], None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Let the clocks of nodes that start from now on be so many seconds ahead."""
    return lambda seconds: monkeypatch.setenv("PERDURE_CLOCK_OFFSET", str(seconds))


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
