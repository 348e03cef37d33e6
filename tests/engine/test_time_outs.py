"""What ends a run as TIMED_OUT: the time for which it is executed, if that is bounded; and what never does."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

from perdure.config.settings import Settings
from perdure.engine.requeues import CUTS_IN_VAIN
from perdure.protocol.endpoint import LimitSpec
from perdure.protocol.execution import AutoYielded, ExecutionResult, Succeeded, Suspended
from perdure.protocol.runs import RunAnswer
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.fetching import fetches
from tests.engine.requester import Answers, answer
from tests.engine.world import FOR_EVER, World, kill, start, world

YEAR = 365 * 24 * 3600.0
MANY = 600 if os.environ.get("PERDURE_PROVE") else 300


def at_most(seconds: float) -> Settings:
    return Settings(retention=None, max_run_duration=timedelta(seconds=seconds))


def works_for(app: ScriptedApp, seconds: float) -> None:
    """Declare a job each of whose executions takes so long, and then waits for an hour; it ends with its fourth one."""

    async def works(execution: Execution) -> ExecutionResult:
        app.clock.advance(seconds)  # type: ignore[attr-defined]
        naps = [key for key in ("first", "second", "third") if not execution.is_over(key)]
        nap = await execution.sleep(naps[0], 3600) if naps else None
        return Succeeded(None) if nap is None else Suspended((nap,))

    app.job("works", works)


async def started(it: World, name: str = "works") -> str:
    await it.send(name)
    return await it.only_run()


def said(run: RunAnswer) -> tuple[RunStatus, str, str]:
    assert run.error is not None
    return run.status, run.error.name, run.error.message


TOO_LONG = (
    "It was executed for {} s in all, and PERDURE_MAX_RUN_DURATION allows {} s. "
    "client.continue_run lets it go on, with as much time again."
)


async def test_a_run_that_has_had_its_time_is_not_executed_again(storage: Storage, app: ScriptedApp) -> None:
    works_for(app, 60)
    async with world(storage, app) as it:
        run_id = await started(it)
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
    async with world(storage, app, seed=1, settings=at_most(60)) as it:
        it.clock.advance(3600)
        run = await it.ended(run_id)
        assert said(run) == (RunStatus.TIMED_OUT, "RunTimedOutError", TOO_LONG.format(60, 60))
        assert run.executions == 1
        assert await it.query("list_timers") == []


async def test_a_run_is_ended_in_the_midst_of_an_execution_and_what_that_does_later_changes_nothing(
    storage: Storage, app: ScriptedApp
) -> None:
    async def goes_on(execution: Execution) -> ExecutionResult:
        await execution.store(execution.record("open", TaskStatus.RUNNING))
        app.signal(f"at work {execution.run_id}")
        await app.happened(f"enough {execution.run_id}")
        return Succeeded(None)

    app.job("works", goes_on, limit=LimitSpec(1), notify_failure=True)
    async with world(storage, app, settings=at_most(90)) as it:
        run_id = await started(it)
        await it.send("works")
        await app.happened(f"at work {run_id}")
        it.clock.advance(90)
        await it.ended(run_id)
        run = await it.platform.get_run(run_id)
        assert said(run) == (RunStatus.TIMED_OUT, "RunTimedOutError", TOO_LONG.format(90, 90))
        assert [task.status for task in run.tasks] == [TaskStatus.CANCELED]
        assert await it.query("list_executions", run_id) == [("CANCELED",)]
        assert app.aborted == [run_id]

        # Its place is free for the next, and its app is told.
        other = (await it.run_ids())[1]
        await app.happened(f"at work {other}")
        await app.happened("notify")
        assert [(body["id"], body["status"]) for _, body in app.notified] == [(run_id, "TIMED_OUT")]
        for name in (run_id, other):
            app.signal(f"enough {name}")
        assert (await it.ended(other)).status is RunStatus.SUCCESS
        assert (await it.platform.get_run(run_id)).status is RunStatus.TIMED_OUT


async def test_the_time_in_which_a_run_waits_does_not_count(storage: Storage, app: ScriptedApp) -> None:
    works_for(app, 20)
    async with world(storage, app, settings=at_most(90)) as it:
        run_id = await started(it)
        for executions in (1, 2, 3):
            await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE, executions=executions)
            it.clock.advance(YEAR)
        assert (await it.ended(run_id)).status is RunStatus.SUCCESS
        assert await it.query("find_execution_time", run_id) == [(80_000,)]


async def test_the_time_of_a_request_counts(storage: Storage, app: ScriptedApp) -> None:
    requester = Answers(answer())
    requester.hangs = True
    async with world(storage, app.job("job", fetches()), requester=requester, settings=at_most(4)) as it:
        run_id = await started(it, "job")
        await requester.arrived(1)
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(4.5)
        requester.let_go()
        assert said(await it.ended(run_id)) == (RunStatus.TIMED_OUT, "RunTimedOutError", TOO_LONG.format(4.5, 4))


async def test_the_time_of_executions_that_died_counts(storage: Storage, app: ScriptedApp) -> None:
    async def hangs(execution: Execution) -> ExecutionResult:
        await asyncio.Event().wait()
        return Succeeded(None)

    it = await start(storage, app.job("works", hangs), seed=0, settings=at_most(90))
    run_id = await started(it)
    await app.happened("execute works 1")
    app.clock.advance(60)  # type: ignore[attr-defined]
    await kill(it)
    async with world(storage, app, seed=1, settings=at_most(90)) as it:
        await app.happened("execute works 2")
        it.clock.advance(30)
        assert (await it.ended(run_id)).status is RunStatus.TIMED_OUT


async def test_a_run_that_is_let_go_on_has_as_much_time_again(storage: Storage, app: ScriptedApp) -> None:
    async def hangs(execution: Execution) -> ExecutionResult:
        await asyncio.Event().wait()
        return Succeeded(None)

    async with world(storage, app.job("works", hangs), settings=at_most(90)) as it:
        run_id = await started(it)
        for execution in (1, 2):
            await app.happened(f"execute works {execution}")
            it.clock.advance(90)
            run = await it.ended(run_id)
            assert said(run) == (RunStatus.TIMED_OUT, "RunTimedOutError", TOO_LONG.format(90, 90))
            assert run.executions == execution
            if execution == 1:
                await it.platform.continue_run(run_id)
        # Each end counts what was done since the one before.
        assert await it.query("list_rollups") == [(RunStatus.TIMED_OUT, 2, 180_000)]


async def test_without_a_limit_no_time_is_too_long(storage: Storage, app: ScriptedApp) -> None:
    works_for(app, YEAR)
    async with world(storage, app, settings=FOR_EVER) as it:
        run_id = await started(it)
        for executions in (1, 2, 3):
            await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE, executions=executions)
            it.clock.advance(3600)
        assert (await it.ended(run_id)).status is RunStatus.SUCCESS


async def test_no_number_of_executions_is_too_large(storage: Storage, app: ScriptedApp) -> None:
    async def steps(execution: Execution) -> ExecutionResult:
        if execution.epoch == MANY:
            return Succeeded(None)
        nap = await execution.sleep(f"nap {execution.epoch}", 0.001)
        assert nap is not None
        return Suspended((nap,))

    async with world(storage, app.job("steps", steps), settings=at_most(5)) as it:
        run_id = await started(it, "steps")
        for executions in range(1, MANY):
            await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE, executions=executions)
            it.clock.advance(0.001)
        run = await it.ended(run_id)
        assert (run.status, run.executions) == (RunStatus.SUCCESS, MANY)


async def test_a_run_that_its_platform_cuts_short_before_any_task_ends_after_some_times(
    storage: Storage, app: ScriptedApp
) -> None:
    async def is_cut(execution: Execution) -> ExecutionResult:
        return AutoYielded("the platform ended the execution after 10 s", is_cut=True)

    async with world(storage, app.job("works", is_cut)) as it:
        run = await it.ended(await started(it))
        assert len(app.executions) == CUTS_IN_VAIN
        status, name, message = said(run)
        assert (status, name) == (RunStatus.TIMED_OUT, "RunTimedOutError")
        assert message.startswith("Function timeout detected 3 times in a row without any task creation")
        assert message.endswith("Last, the platform ended the execution after 10 s.")


async def test_a_run_that_its_platform_cuts_short_goes_on_as_long_as_it_makes_tasks(
    storage: Storage, app: ScriptedApp
) -> None:
    async def is_cut(execution: Execution) -> ExecutionResult:
        app.clock.advance(10)  # type: ignore[attr-defined]
        if execution.epoch == 10:
            return Succeeded(None)
        if execution.epoch % 3 == 0:
            await execution.store(execution.record(str(execution.epoch), TaskStatus.RUNNING))
        return AutoYielded("the platform ended the execution after 10 s", is_cut=True)

    async with world(storage, app.job("works", is_cut)) as it:
        assert (await it.ended(await started(it))).status is RunStatus.SUCCESS
