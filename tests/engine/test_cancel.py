"""Cancelling: what has ended stays so, what is at work changes nothing any more."""

from __future__ import annotations

import asyncio

import pytest

from perdure.errors import NotFoundError, RunNotActiveError
from perdure.protocol.execution import ExecutionResult, Succeeded, Suspended
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.world import world


async def naps(execution: Execution) -> ExecutionResult:
    nap = await execution.sleep("nap", 60)
    return Succeeded(None) if nap is None else Suspended((nap,))


async def test_a_cancelled_run_does_not_wake(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps)) as it:
        await it.send("naps")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        run = await it.platform.cancel_run(run_id)

        assert (run.status, [task.status for task in run.tasks]) == (RunStatus.CANCELED, [TaskStatus.CANCELED])
        assert await it.query("list_timers") == []
        assert app.aborted == [run_id]

        it.clock.advance(60)
        await it.send("probe")
        assert len(app.executions) == 1


async def test_what_an_execution_does_after_its_run_was_cancelled_changes_nothing(
    storage: Storage, app: ScriptedApp
) -> None:
    async def works(execution: Execution) -> ExecutionResult:
        await execution.store(execution.record("open", TaskStatus.RUNNING))
        app.signal("working")
        await app.happened("cancelled")
        for record in (execution.record("open", is_new=False), execution.record("new")):
            with pytest.raises(RunNotActiveError):
                await execution.store(record)
        return Succeeded(None)

    async with world(storage, app.job("works", works)) as it:
        await it.send("works")
        run_id = await it.only_run()
        await app.happened("working")
        await it.platform.cancel_run(run_id)
        app.signal("cancelled")
    async with world(storage, ScriptedApp(app.clock, endpoint_id="other"), seed=1) as it:
        run = await it.platform.get_run(run_id)

        assert run.status is RunStatus.CANCELED
        assert [(task.key, task.status) for task in run.tasks] == [("open", TaskStatus.CANCELED)]
        assert await it.query("list_executions", run_id) == [("CANCELED",)]


async def test_cancelling_what_has_ended_changes_nothing(storage: Storage, app: ScriptedApp) -> None:
    async def ends(execution: Execution) -> ExecutionResult:
        return Succeeded(None)

    async with world(storage, app.job("ends", ends)) as it:
        await it.send("ends")
        run_id = await it.only_run()
        ended = await it.ended(run_id)
        it.clock.advance(1)

        assert await it.platform.cancel_run(run_id) == ended


async def test_a_cancelled_run_in_line_is_never_executed(storage: Storage, app: ScriptedApp) -> None:
    async def ends(execution: Execution) -> ExecutionResult:
        return Succeeded(None)

    async with world(storage, app.job("ends", ends)) as it:
        await it.send("ends")
    async with world(storage, ScriptedApp(app.clock, endpoint_id="other"), seed=1) as it:
        await it.send("ends")
        _, run_id = await it.run_ids()
        await it.platform.cancel_run(run_id)
    async with world(storage, app, seed=2) as it:
        await it.send("probe")
        assert [execution.run_id for execution in app.executions].count(run_id) == 0


async def test_cancelling_races_with_the_end_and_one_of_them_wins(storage: Storage, app: ScriptedApp) -> None:
    async def ends(execution: Execution) -> ExecutionResult:
        await execution.run("a")
        return Succeeded(None)

    async with world(storage, app.job("ends", ends)) as it:
        for _ in range(30):
            await it.send("ends")
        await asyncio.gather(*(it.platform.cancel_run(run_id) for run_id in await it.run_ids()))
        await it.until(lambda runs: set(runs.values()) <= {RunStatus.SUCCESS, RunStatus.CANCELED})


async def test_cancelling_races_with_a_wait_that_ends(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps)) as it:
        for _ in range(30):
            await it.send("naps")
        await it.until(lambda runs: set(runs.values()) == {RunStatus.WAITING_TO_CONTINUE})
        it.clock.advance(60)
        await asyncio.gather(*(it.platform.cancel_run(run_id) for run_id in await it.run_ids()))
        await it.until(lambda runs: set(runs.values()) <= {RunStatus.SUCCESS, RunStatus.CANCELED})


async def test_whoever_waits_for_a_run_is_told_that_it_was_cancelled(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps)) as it:
        await it.send("naps")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        waiting = asyncio.create_task(it.ended(run_id))
        await it.platform.cancel_run(run_id)

        assert (await waiting).status is RunStatus.CANCELED


async def test_a_run_that_is_not_there_is_not_found(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps)) as it:
        with pytest.raises(NotFoundError, match="run_nowhere"):
            await it.platform.cancel_run("run_nowhere")
