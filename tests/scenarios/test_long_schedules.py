"""Schedules over days and months: each tick comes at its time, and once."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, Client, ScheduledPayload, cron_trigger, interval_trigger, invoke_trigger
from perdure.testing import Env


def a_client(trigger: Any, run: Any, id: str = "ticking") -> Client:
    client = Client(id=f"{id}-client")
    client.job(id=id, version="1.0.0", trigger=trigger)(run)
    return client


@pytest.fixture
def perdure_start() -> datetime:
    """A Friday at noon; in Europe, summer time begins on the Sunday."""
    return datetime(2040, 3, 23, 12, tzinfo=UTC)


async def test_an_interval_ticks_all_day(perdure_env: Env) -> None:
    seen: list[tuple[datetime, datetime | None]] = []

    async def ticking(payload: ScheduledPayload, io: IO) -> None:
        seen.append((payload.ts, payload.last_timestamp))
        assert perdure_env.now >= payload.ts

    perdure_env.use(a_client(interval_trigger(seconds=3600), ticking))
    await perdure_env.advance(days=1)
    assert 23 <= len(seen) <= 25
    for (earlier, _), (later, last) in itertools.pairwise(seen):
        assert later - earlier == timedelta(hours=1)
        assert last == earlier


async def test_a_cron_keeps_to_the_local_time_of_its_zone_when_summer_begins(perdure_env: Env) -> None:
    seen: list[datetime] = []

    async def ticking(payload: ScheduledPayload, io: IO) -> None:
        seen.append(payload.ts)

    perdure_env.use(a_client(cron_trigger(cron="0 9 * * 1-5", timezone="Europe/Berlin"), ticking))
    await perdure_env.advance(days=5)
    assert seen == [datetime(2040, 3, day, 7, tzinfo=UTC) for day in (26, 27, 28)]


async def test_ticks_of_several_schedules_come_in_order(perdure_env: Env) -> None:
    seen: list[str] = []

    def ticking(name: str) -> Any:
        async def run(payload: ScheduledPayload, io: IO) -> None:
            seen.append(name)

        return run

    for minute in (40, 20):
        perdure_env.use(a_client(cron_trigger(cron=f"{minute} * * * *"), ticking(f"at {minute}"), f"at-{minute}"))
    await perdure_env.advance(hours=2)
    assert seen == ["at 20", "at 40", "at 20", "at 40"]


@pytest.mark.crash_everywhere
async def test_ticks_survive_crashes(perdure_env: Env) -> None:
    async def ticking(payload: ScheduledPayload, io: IO) -> str:
        await io.wait("a while", 60)
        return await io.run_task("ts", lambda: payload.ts.isoformat())

    perdure_env.use(a_client(interval_trigger(seconds=600), ticking))
    await perdure_env.advance(minutes=35)
    runs = await perdure_env.runs("ticking")
    assert len(runs) == 3
    assert len({run.output for run in runs}) == 3


@pytest.mark.crash_everywhere
async def test_a_run_that_registers_a_schedule_survives_crashes(perdure_env: Env) -> None:
    client = Client(id="reminders")
    reminders = client.define_dynamic_schedule("reminders")

    @client.job(id="remind", version="1.0.0", trigger=reminders)
    async def remind(payload: ScheduledPayload, io: IO) -> str:
        return await io.run_task("ts", lambda: payload.ts.isoformat())

    @client.job(id="plan", version="1.0.0", trigger=invoke_trigger())
    async def plan(payload: Any, io: IO) -> None:
        await reminders.register("register", "daily", seconds=86_400)
        await io.wait("three days", timedelta(days=3, hours=1))
        await reminders.unregister("unregister", "daily")

    perdure_env.use(client)
    run = await perdure_env.invoke(plan)
    await perdure_env.advance(days=10)
    assert run.status == "SUCCESS", run.error
    assert len(await perdure_env.runs(remind)) == 3
