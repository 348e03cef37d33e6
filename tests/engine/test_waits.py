"""Waits and timers: never early, never lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from perdure.config.settings import Settings
from perdure.protocol.execution import ErrorInfo, ExecutionResult, Succeeded, Suspended, TaskRetry
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.world import world


async def naps(execution: Execution) -> ExecutionResult:
    nap = await execution.sleep("nap", 60)
    return Succeeded(None) if nap is None else Suspended((nap,))


async def test_a_wait_is_not_over_a_millisecond_early(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps)) as it:
        await it.send("naps")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)

        it.clock.advance(59.999)
        # A wait that ends now shows that the timers were looked at.
        await it.send("probe", deliver_after=0.0)
        assert (await it.platform.get_run(run_id)).status is RunStatus.WAITING_TO_CONTINUE

        it.clock.advance(0.001)
        assert (await it.ended(run_id)).executions == 2


async def test_a_retry_that_an_endpoint_asks_for_is_due_to_the_millisecond(storage: Storage, app: ScriptedApp) -> None:
    async def fails_once(execution: Execution) -> ExecutionResult:
        task = execution.task_id("flaky")
        if execution.state("flaky") is not None:
            return Succeeded(None)
        await execution.store(execution.record("flaky", TaskStatus.RUNNING))
        again = TaskRetry(task, ErrorInfo("Flaky", "not yet"), app.clock.now() + timedelta(seconds=0.1))
        return Suspended((task,), retries=(again,))

    async with world(storage, app.job("go", fails_once)) as it:
        await it.send("go")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(0.1)
        assert (await it.ended(run_id)).executions == 2


async def test_waits_survive_a_restart(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps)) as it:
        await it.send("naps")
        await it.reach(await it.only_run(), RunStatus.WAITING_TO_CONTINUE)
    it.clock.advance(60)
    async with world(storage, app, seed=1) as it:
        assert (await it.ended(await it.only_run())).status is RunStatus.SUCCESS


async def test_many_waits_that_end_at_once_all_end(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps)) as it:
        await asyncio.gather(*(it.send("naps") for _ in range(1100)))
        await it.until(lambda runs: set(runs.values()) == {RunStatus.WAITING_TO_CONTINUE})
        it.clock.advance(60)
        await it.until(lambda runs: set(runs.values()) == {RunStatus.SUCCESS})


async def test_a_wait_that_is_over_before_the_run_waits_for_it_is_not_missed(
    storage: Storage, app: ScriptedApp
) -> None:
    async def dawdles(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 1)
        if nap is None:
            return Succeeded(None)
        app.signal("asleep")
        # This app cannot let the branch go on, so it goes to sleep although the wait is over.
        await app.happened("resolve")
        return Suspended((nap,))

    async with world(storage, app.job("dawdles", dawdles)) as it:
        await it.send("dawdles")
        await app.happened("asleep")
        it.clock.advance(1)
        run = await it.ended(await it.only_run())

        assert (run.status, run.executions) == (RunStatus.SUCCESS, 2)
        assert [(epoch, states) for _, epoch, states in app.resolved] == [(1, [TaskStatus.COMPLETED])]


async def test_the_first_of_several_waits_wakes_the_run(storage: Storage, app: ScriptedApp) -> None:
    async def naps_twice(execution: Execution) -> ExecutionResult:
        waiting = [nap for nap in (await execution.sleep("a", 10), await execution.sleep("b", 20)) if nap is not None]
        return Suspended(tuple(waiting)) if waiting else Succeeded(None)

    async with world(storage, app.job("naps", naps_twice)) as it:
        await it.send("naps")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        await it.advance(10, run_id, RunStatus.WAITING_TO_CONTINUE, executions=2)
        await it.advance(10, run_id, RunStatus.SUCCESS, executions=3)

        assert [task.status for task in app.executions[1].request.tasks].count(TaskStatus.WAITING) == 1


async def test_a_run_that_waits_for_nothing_stored_is_executed_again(storage: Storage, app: ScriptedApp) -> None:
    async def forgets(execution: Execution) -> ExecutionResult:
        return Suspended(("task_never_stored",)) if execution.epoch == 1 else Succeeded(None)

    async with world(storage, app.job("forgets", forgets)) as it:
        await it.send("forgets")
        assert (await it.ended(await it.only_run())).executions == 2


async def test_a_run_the_app_still_holds_gets_only_what_it_waits_for(storage: Storage, app: ScriptedApp) -> None:
    async def sticks(execution: Execution) -> ExecutionResult:
        if execution.epoch > 1:
            return Succeeded(None)
        await execution.run("done")
        nap = await execution.sleep("nap", 60)
        assert nap is not None
        app.kept[execution.run_id] = (nap,)
        return Suspended((nap,))

    async with world(storage, app.job("sticks", sticks)) as it:
        await it.send("sticks")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(60)
        await it.ended(run_id)

        assert [(task.name, task.status) for task in app.executions[1].request.tasks] == [("nap", TaskStatus.COMPLETED)]


async def test_a_run_the_app_lets_go_of_meanwhile_gets_everything(storage: Storage, app: ScriptedApp) -> None:
    class Forgetful(ScriptedApp):
        def held(self, run_id: str) -> tuple[str, ...] | None:
            return self.kept.pop(run_id, None)

    async def sticks(execution: Execution) -> ExecutionResult:
        if execution.epoch > 1:
            return Succeeded(None)
        await execution.run("done")
        nap = await execution.sleep("nap", 60)
        assert nap is not None
        execution.app.kept[execution.run_id] = (nap,)
        return Suspended((nap,))

    async def blocks(_execution: Execution) -> ExecutionResult:
        await free.wait()
        return Succeeded(None)

    # The run that wakes stands in line: of one that is claimed as it wakes nothing is read meanwhile.
    free = asyncio.Event()
    forgetful = Forgetful(app.clock).job("sticks", sticks).job("blocks", blocks)
    async with world(storage, forgetful, settings=Settings(max_executions=1)) as it:
        await it.send("sticks")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        await it.send("blocks")
        it.clock.advance(60)
        await it.reach(run_id, RunStatus.WAITING_TO_EXECUTE)
        free.set()
        await it.ended(run_id)

        assert {task.name for task in forgetful.executions[-1].request.tasks} == {"done", "nap"}


async def test_a_clock_set_back_delays_waits_and_never_hastens_them(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps)) as it:
        await it.send("naps")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        it.clock.step(-3600)
        it.clock.advance(59)
        await it.send("probe")
        assert (await it.platform.get_run(run_id)).status is RunStatus.WAITING_TO_CONTINUE

        it.clock.step(3600)
        it.clock.advance(1)
        assert (await it.ended(run_id)).status is RunStatus.SUCCESS


async def test_a_clock_set_forward_ends_the_waits_it_passes(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps)) as it:
        await it.send("naps")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        it.clock.step(3600)

        assert (await it.ended(run_id)).status is RunStatus.SUCCESS
