"""Schedules in the environment of a test: each tick at its own time, however far the test advances."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, Client, Context, ScheduledPayload, cron_trigger, interval_trigger, invoke_trigger
from perdure.testing import Env

BEGUN = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)

client = Client(id="schedules")
reminders = client.define_dynamic_schedule("reminders")


@client.job(id="report", version="1.0.0", trigger=cron_trigger(cron="0 9 * * *", timezone="Asia/Kolkata"))
async def report(payload: ScheduledPayload, io: IO) -> str:
    begun = await io.now("begun")
    assert begun == payload.ts
    await io.wait("⏰", 3600)
    return payload.ts.isoformat()


@client.job(id="careful", version="1.0.0", trigger=interval_trigger(seconds=6 * 3600, catch_up="none"))
async def careful(payload: ScheduledPayload) -> None: ...


@client.job(id="remind", version="1.0.0", trigger=reminders)
async def remind(payload: ScheduledPayload, io: IO, ctx: Context) -> Any:
    assert ctx.source is not None
    return [ctx.source.id, ctx.source.metadata]


@client.job(id="sign-up", version="1.0.0", trigger=invoke_trigger())
async def sign_up(payload: list[str], io: IO) -> None:
    for name in payload:
        await reminders.register(["remind", name], name, seconds=3600, metadata={"name": name})
    await io.wait("⏰", 2.5 * 3600)
    for name in payload:
        await reminders.unregister(["enough", name], name)


@pytest.fixture
def perdure_start() -> datetime:
    """When time begins: not while a report of the last day waits."""
    return BEGUN


async def test_every_tick_fires_at_its_time_however_far_the_test_advances(perdure_env: Env) -> None:
    await perdure_env.advance(days=30)
    outputs = [run.output for run in await perdure_env.runs("report")]
    assert len(outputs) == 30
    assert all(BEGUN < datetime.fromisoformat(ts) <= BEGUN + timedelta(days=30) for ts in outputs)
    assert len(await perdure_env.runs("careful")) == 30 * 4


async def test_what_a_run_registers_ticks_until_it_is_unregistered(perdure_env: Env) -> None:
    await perdure_env.invoke(sign_up, ["ada", "bob"])
    await perdure_env.advance(hours=5)
    outputs = sorted(str(run.output) for run in await perdure_env.runs("remind"))
    assert outputs == sorted(str([name, {"name": name}]) for name in ("ada", "bob") for _ in range(2))


@pytest.mark.crash_everywhere
async def test_registering_comes_to_the_same_wherever_the_process_dies(perdure_env: Env) -> None:
    await perdure_env.invoke(sign_up, ["ada"])
    await perdure_env.advance(hours=5)
    run = await perdure_env.only_run("sign-up")
    assert run.status == "SUCCESS"
    assert len(await perdure_env.runs("remind")) == 2
