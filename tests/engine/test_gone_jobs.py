"""Jobs that their app declares no more: what is refused, and what goes on as if they were there."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from perdure.engine.stored_index import store_index
from perdure.errors import JobDisabledError
from perdure.protocol.endpoint import DynamicScheduleSpec, ScheduleTriggerSpec
from perdure.protocol.execution import ExecutionResult, Succeeded, Suspended
from perdure.protocol.schedules import IntervalTiming, RegisterSchedule
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.test_run_waits import asks, request
from tests.engine.world import World, world


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(None)


async def naps(execution: Execution) -> ExecutionResult:
    nap = await execution.sleep("nap", 60)
    return Succeeded(None) if nap is None else Suspended((nap,))


@pytest.fixture
def app(app: ScriptedApp) -> ScriptedApp:
    """An app that is elsewhere."""
    app.is_remote = True
    return app


async def drop(it: World, job_id: str) -> None:
    """Have the app asked anew when it has no such job any more."""
    it.app.jobs = [spec for spec in it.app.jobs if spec.id != job_id]
    await it.node.add(it.app)


async def begun_and_dropped(it: World, job_id: str) -> str:
    """Start a run, and drop its job while it waits."""
    run_id = await it.platform.invoke_job(InvokeRequest(job_id))
    await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
    await drop(it, job_id)
    return run_id


async def test_a_run_that_is_under_way_when_its_job_goes_waits_for_it_and_goes_on_when_it_is_back(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("old", naps)) as it:
        run_id = await begun_and_dropped(it, "old")
        it.clock.advance(60)
        run = await it.see(run_id, lambda run: run.why is not None and run.why.startswith("no code for job old"))
        assert run.status is RunStatus.WAITING_TO_EXECUTE
        await it.node.add(app.job("old", naps))
        assert (await it.ended(run_id)).status is RunStatus.SUCCESS


async def test_the_runs_of_a_job_that_is_gone_can_be_cancelled_and_not_repeated(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("old", naps)) as it:
        run_id = await begun_and_dropped(it, "old")
        assert (await it.platform.cancel_runs_for_job("old")).cancelled_run_ids == (run_id,)
        with pytest.raises(JobDisabledError, match="Job 'old' is disabled"):
            await it.platform.rerun(run_id)
        assert await it.run_ids() == [run_id]


async def test_waiting_for_a_run_of_a_job_that_is_gone_fails_and_for_one_that_has_begun_goes_on(
    storage: Storage, app: ScriptedApp
) -> None:
    app.job("old", naps).job("early", asks(request("old"))).job("late", asks(request("old")))
    async with world(storage, app) as it:
        early = await it.platform.invoke_job(InvokeRequest("early"))
        await it.reach(early, RunStatus.WAITING_TO_CONTINUE)
        await drop(it, "old")
        late = await it.ended(await it.platform.invoke_job(InvokeRequest("late")))
        assert late.error is not None
        assert (late.status, late.error.name) == (RunStatus.FAILURE, "JobDisabledError")
        await it.node.add(app.job("old", naps))
        it.clock.advance(60)
        assert (await it.ended(early)).status is RunStatus.SUCCESS


@pytest.mark.parametrize("trigger", [ScheduleTriggerSpec(IntervalTiming(60)), DynamicScheduleSpec("dynamic")])
async def test_the_schedule_of_a_job_that_is_gone_ticks_no_more_until_it_is_back(
    storage: Storage, app: ScriptedApp, trigger: ScheduleTriggerSpec | DynamicScheduleSpec
) -> None:
    app.dynamic_schedules.append("dynamic")
    async with world(storage, app.job("old", ends, trigger)) as it:
        await it.platform.register_schedule(RegisterSchedule("dynamic", "key", IntervalTiming(60)))
        assert len(await it.query("list_timers")) == 1
        await drop(it, "old")
        assert await it.query("list_timers") == []
        await it.node.add(app.job("old", ends, trigger))
        it.clock.advance(60)
        await it.until(lambda runs: list(runs.values()) == [RunStatus.SUCCESS])


async def test_a_job_that_another_app_has_registered_since_is_not_gone(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("moves", ends)) as it:
        await drop(it, "moves")
        it.clock.advance(1)
        await it.node.add(ScriptedApp(it.clock, endpoint_id="new home").job("moves", ends))
        await it.node.add(app)
        assert (await it.ended(await it.platform.invoke_job(InvokeRequest("moves")))).status is RunStatus.SUCCESS


async def test_a_job_that_the_process_of_a_node_has_no_more_can_be_invoked_for_the_next_one(
    storage: Storage, app: ScriptedApp
) -> None:
    app.is_remote = False
    async with world(storage, app.job("old", ends)) as it:
        await drop(it, "old")
        assert [one.is_enabled for one in await it.platform.list_jobs()] == [False]
        run_id = await it.platform.invoke_job(InvokeRequest("old"))
        await it.see(run_id, lambda run: run.why is not None and run.why.startswith("no code for job old"))
        await it.node.add(app.job("old", ends))
        assert [one.is_enabled for one in await it.platform.list_jobs()] == [True]
        assert (await it.ended(run_id)).status is RunStatus.SUCCESS


async def test_a_job_that_is_back_by_another_node_can_be_invoked_where_it_was_missed(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("back", ends), shares_database=True) as it:
        there, without = await app.index(), await ScriptedApp(it.clock, endpoint_id=app.endpoint_id).index()
        # The other node asks the app for its index, which this one does not know of.
        await storage.write(store_index, it.node.own.number, replace(without, is_remote=True), now=it.clock.now())
        with pytest.raises(JobDisabledError, match="Job 'back' is disabled"):
            await it.platform.invoke_job(InvokeRequest("back"))
        await storage.write(store_index, it.node.own.number, there, now=it.clock.now())
        assert (await it.ended(await it.platform.invoke_job(InvokeRequest("back")))).status is RunStatus.SUCCESS
