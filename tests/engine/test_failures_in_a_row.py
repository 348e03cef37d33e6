"""How often an app has failed a run in a row counts on, whoever registers it anew, and however often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from perdure.protocol.execution import Abandoned, AutoYielded, ExecutionResult
from perdure.protocol.runs import RunAnswer
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import START
from tests.engine.world import World, world

LIMIT = 10
SAID = "Endpoint responded with 500 status code"
MINUTE = START + timedelta(minutes=1)
LONGEST = 30
"""Seconds after which a run that its app has failed is surely due."""


async def fails(execution: Execution) -> ExecutionResult:
    return Abandoned(SAID, limit=LIMIT)


def executed_more_often_than(times: int) -> Callable[[RunAnswer], bool]:
    return lambda run: run.executions > times


def says_otherwise_than(why: str | None) -> Callable[[RunAnswer], bool]:
    return lambda run: run.why != why


async def fail_again(it: World, run_id: str, *, times: int) -> None:
    """Let a run be executed until its app has failed it so often."""
    while (await it.reach(run_id, RunStatus.WAITING_TO_EXECUTE)).executions < times:
        executions = (await it.platform.get_run(run_id)).executions
        it.clock.advance(LONGEST)
        await it.see(run_id, executed_more_often_than(executions))


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (Abandoned(SAID, limit=LIMIT), f"{SAID}; tried again at {(START + timedelta(seconds=0.75)).isoformat()}"),
        (AutoYielded("asked too often", MINUTE), f"asked too often; tried again at {MINUTE.isoformat()}"),
    ],
)
async def test_a_run_that_its_app_has_put_off_is_not_due_sooner_for_the_app_being_registered_anew(
    storage: Storage, app: ScriptedApp, result: ExecutionResult, why: str
) -> None:
    async def puts_off(execution: Execution) -> ExecutionResult:
        return result

    async with world(storage, app.job("puts_off", puts_off)) as it:
        await it.send("puts_off")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_EXECUTE, executions=1)

        await it.node.add(app)

        run = await it.platform.get_run(run_id)
        assert (run.status, run.executions, run.why) == (RunStatus.WAITING_TO_EXECUTE, 1, why)


async def test_an_app_that_is_registered_anew_after_each_failure_fails_a_run_after_ten_of_them(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("fails", fails)) as it:
        await it.send("fails")
        run_id = await it.only_run()
        for times in range(1, LIMIT):
            await fail_again(it, run_id, times=times)
            await it.node.add(app)
        it.clock.advance(LONGEST)

        run = await it.ended(run_id)
        assert (run.status, run.executions) == (RunStatus.FAILURE, LIMIT)


async def test_a_run_that_is_due_before_its_app_is_registered_again_has_been_failed_as_often_as_before(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("fails", fails)) as it:
        await it.send("fails")
        run_id = await it.only_run()
        await fail_again(it, run_id, times=4)
    app.clock.advance(LONGEST)
    async with world(storage, ScriptedApp(app.clock, endpoint_id="other"), seed=1) as it:
        for _ in range(LIMIT):
            run = await it.see(run_id, lambda run: run.why is not None and run.why.startswith("no code for job fails"))
            it.clock.advance(60)
            await it.see(run_id, says_otherwise_than(run.why))
        app.platform = it.platform
        await it.node.add(app)
        # For want of its code it was put off, and that is there.
        await it.see(run_id, lambda run: run.executions == 5)
        await fail_again(it, run_id, times=LIMIT - 1)
        it.clock.advance(LONGEST)

        run = await it.ended(run_id)
        assert (run.status, run.executions) == (RunStatus.FAILURE, LIMIT)


async def test_an_app_that_was_not_there_in_between_has_not_failed_its_runs_in_a_row(
    storage: Storage, app: ScriptedApp
) -> None:
    async def is_gone_once(execution: Execution) -> ExecutionResult:
        if execution.epoch == LIMIT:
            return Abandoned("nobody is there", no_code=True, is_absent=True)
        return Abandoned(SAID, limit=LIMIT)

    async with world(storage, app.job("fails", is_gone_once)) as it:
        await it.send("fails")
        run_id = await it.only_run()
        await fail_again(it, run_id, times=2 * LIMIT - 1)
        it.clock.advance(LONGEST)

        run = await it.ended(run_id)
        assert (run.status, run.executions) == (RunStatus.FAILURE, 2 * LIMIT)
