"""Nodes that stop, die, or lose their lease."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from perdure.engine.recovery import release_own
from perdure.errors import StaleExecutionError
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage import run_queue, runs
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.storages import FailingStorage
from tests.engine.world import World, check_invariants, kill, start, world


async def hangs(execution: Execution) -> ExecutionResult:
    """Completes one task; then hangs in its first execution for ever."""
    await execution.run("a")
    if execution.epoch == 1:
        execution.app.signal("hanging")
        await asyncio.Event().wait()
    await execution.run("b")
    return Succeeded(None)


async def kill_when_idle(it: World) -> None:
    """End a node when its executions have ended."""
    tasks = [hold.task for hold in it.node.holds.all() if hold.task is not None]
    await asyncio.gather(*tasks)
    await kill(it)


async def test_a_restart_goes_on_at_once_where_a_dead_node_was(storage: Storage, app: ScriptedApp) -> None:
    dead = await start(storage, app.job("hangs", hangs), seed=0, shares_database=False)
    await dead.send("hangs")
    await app.happened("hanging")
    await kill(dead)

    async with world(storage, app, seed=1) as it:
        run_id = await it.only_run()
        run = await it.ended(run_id)

        assert (run.status, run.executions) == (RunStatus.SUCCESS, 2)
        assert app.bodies == [(run_id, "a"), (run_id, "b")]
        assert await it.query("list_executions", run_id) == [("LOST",), ("SUCCESS",)]


async def test_a_node_that_stops_hands_back_what_does_not_end_in_time(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("hangs", hangs)) as it:
        await it.send("hangs")
        await app.happened("hanging")
        run_id = await it.only_run()
        await it.node.stop(grace=timedelta(0))
        assert (await it.platform.get_run(run_id)).status is RunStatus.WAITING_TO_EXECUTE
        assert app.aborted == [run_id]
    async with world(storage, app, seed=1) as it:
        assert (await it.ended(run_id)).executions == 2
        assert await it.query("find_fruitless", run_id) == [(0,)]


async def test_a_node_that_stops_waits_for_what_ends_in_time(storage: Storage, app: ScriptedApp) -> None:
    async def ends(execution: Execution) -> ExecutionResult:
        app.signal("begun")
        await app.happened("stopping")
        await execution.run("a")
        return Succeeded(None)

    async with world(storage, app.job("ends", ends)) as it:
        await it.send("ends")
        await app.happened("begun")
        stopping = asyncio.create_task(it.node.stop(grace=timedelta(seconds=10)))
        await asyncio.sleep(0)
        app.signal("stopping")
        await stopping
        run = await it.platform.get_run(await it.only_run())

        assert (run.status, [task.status for task in run.tasks]) == (RunStatus.SUCCESS, [TaskStatus.COMPLETED])


async def test_an_event_that_comes_while_the_node_stops_is_executed_by_the_next(
    storage: Storage, app: ScriptedApp
) -> None:
    async def ends(execution: Execution) -> ExecutionResult:
        return Succeeded(None)

    async with world(storage, app.job("ends", ends)) as it:
        stopping = asyncio.create_task(it.node.stop(grace=timedelta(seconds=10)))
        await asyncio.gather(*(it.send("ends") for _ in range(5)))
        await stopping
        await it.send("ends")
    async with world(storage, app, seed=1) as it:
        await it.until(lambda runs: list(runs.values()) == [RunStatus.SUCCESS] * 6)


async def test_the_runs_of_a_node_whose_lease_ran_out_are_taken_over_once(storage: Storage, app: ScriptedApp) -> None:
    other = ScriptedApp(app.clock)
    dead = await start(storage, app.job("hangs", hangs), seed=0, shares_database=True)
    await dead.send("hangs")
    await app.happened("hanging")
    async with world(storage, other.job("hangs", hangs), seed=1, shares_database=True) as it:
        run_id = await it.only_run()
        await kill(dead)
        it.clock.advance(9)
        await it.send("probe")
        assert (await it.platform.get_run(run_id)).status is RunStatus.EXECUTING

        it.clock.advance(5)
        assert (await it.ended(run_id)).status is RunStatus.SUCCESS
        assert [execution.epoch for execution in other.executions] == [2]


async def test_a_node_at_work_keeps_its_lease(storage: Storage, app: ScriptedApp) -> None:
    async def works(execution: Execution) -> ExecutionResult:
        app.signal("working")
        await app.happened("enough")
        return Succeeded(None)

    other = ScriptedApp(app.clock)
    async with world(storage, app.job("works", works), shares_database=True) as it:
        await it.send("works")
        await app.happened("working")
        async with world(storage, other.job("works", works), seed=1, shares_database=True) as second:
            for _ in range(20):
                it.clock.advance(3)
                # Both nodes' services have looked at the time once these are answered.
                for _ in range(5):
                    await it.send("probe")
                    await second.send("probe")
            app.signal("enough")
            run = await it.ended(await it.only_run())

            assert (run.status, run.executions) == (RunStatus.SUCCESS, 1)


async def test_an_execution_that_was_paused_past_its_lease_changes_nothing_any_more(
    storage: Storage, app: ScriptedApp
) -> None:
    async def works(execution: Execution) -> ExecutionResult:
        await execution.run("a")
        execution.app.signal("working")
        await execution.app.happened("go on")
        if execution.app is app:
            # Its node slept; another has begun the run anew meanwhile.
            with pytest.raises(StaleExecutionError):
                await execution.store(execution.record("late"))
            app.signal("refused")
        return Succeeded(JsonText(f'"{execution.epoch}"'))

    other = ScriptedApp(app.clock)
    paused = await start(storage, app.job("works", works), seed=0, shares_database=True)
    await paused.send("works")
    await app.happened("working")
    for loop in paused.node._loops:
        loop.cancel()
    async with world(storage, other.job("works", works), seed=1, shares_database=True) as it:
        run_id = await it.only_run()
        it.clock.advance(15)
        await other.happened("working")
        app.signal("go on")
        await app.happened("refused")
        await kill_when_idle(paused)
        assert (await it.platform.get_run(run_id)).status is RunStatus.EXECUTING

        other.signal("go on")
        run = await it.ended(run_id)
        assert (run.status, run.output, run.executions) == (RunStatus.SUCCESS, '"2"', 2)
        assert {task.key for task in (await it.platform.get_run(run_id)).tasks} == {"a"}


async def test_a_node_that_cannot_renew_lets_go_before_others_may_take_over(storage: Storage, app: ScriptedApp) -> None:
    failing = FailingStorage(storage)
    async with world(failing, app.job("hangs", hangs), shares_database=True) as it:  # type: ignore[arg-type]
        await it.send("hangs")
        await app.happened("hanging")
        failing.before.add("renew_lease")
        for _ in range(9):
            it.clock.advance(1)
            await it.send("probe")
        assert app.aborted == []

        it.clock.advance(2)
        await app.happened("abort")
        failing.before.clear()
        it.clock.advance(1)
        assert (await it.ended(await it.only_run())).executions == 2


async def test_a_node_that_owns_its_database_lets_go_of_nothing(storage: Storage, app: ScriptedApp) -> None:
    async def works(execution: Execution) -> ExecutionResult:
        app.signal("working")
        await app.happened("enough")
        return Succeeded(None)

    failing = FailingStorage(storage)
    async with world(failing, app.job("works", works)) as it:  # type: ignore[arg-type]
        await it.send("works")
        await app.happened("working")
        failing.before.add("renew_lease")
        for _ in range(30):
            it.clock.advance(1)
            await it.send("probe")
        app.signal("enough")
        run = await it.ended(await it.only_run())

        assert failing.failed.is_set()
        assert (run.executions, app.aborted) == (1, [])


async def test_a_claim_of_an_execution_nobody_knows_is_handed_back(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("hangs", hangs)) as it:
        await it.send("hangs")
        await app.happened("hanging")
        run_id = await it.only_run()
        node_no = it.node.lease.node_no
        # As if a claim had been committed, and its answer lost: the database knows of a newer execution than the node.
        await storage.write(release_own, node_no=node_no, now=it.clock.now())
        number = await storage.read(runs.find_number, 1, run_id=run_id)
        assert number is not None
        await storage.write(run_queue.claim_if_in_line, [number], node_no=node_no, now=it.clock.now())
        it.node.executions.doubt()

        assert (await it.ended(run_id)).executions == 3
        await kill(it)


async def test_every_kind_of_leftover_is_found_by_the_oracles(storage: Storage, app: ScriptedApp) -> None:
    dead = await start(storage, app.job("hangs", hangs), seed=0, shares_database=False)
    await dead.send("hangs")
    await app.happened("hanging")
    await kill(dead)
    # The run is held by a node that is dead, which is no orphan: whoever starts next knows that node is gone.
    await check_invariants(storage)
