"""Cancelling the runs of an event or a job: in batches, whatever they are doing, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from perdure.config.settings import Settings
from perdure.engine.cancellations import CANCEL_BATCH
from perdure.errors import NotFoundError
from perdure.protocol.endpoint import EventTriggerSpec, LimitSpec
from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.execution import ExecutionResult, Succeeded, Suspended
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.storages import FailingStorage
from tests.engine.world import World, world


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(None)


async def naps(execution: Execution) -> ExecutionResult:
    nap = await execution.sleep("nap", 60)
    return Succeeded(None) if nap is None else Suspended((nap,))


async def works(execution: Execution) -> ExecutionResult:
    execution.app.signal("working")
    await execution.app.happened("enough")
    return Succeeded(None)


async def send_many(it: World, name: str, count: int) -> None:
    for first in range(0, count, 1000):
        await it.platform.send_events([EventRequest(name)] * min(1000, count - first), EventOptions())


async def statuses(it: World) -> list[str]:
    return [str(status) for _, status in await it.query("list_runs")]


async def test_every_run_of_a_job_is_cancelled_whatever_it_is_doing(storage: Storage, app: ScriptedApp) -> None:
    async def various(execution: Execution) -> ExecutionResult:
        scripts = {'"ends"': ends, '"naps"': naps, '"works"': works}
        return await scripts[execution.request.event.payload](execution)

    async with world(storage, app.job("job", various).job("other", naps), settings=Settings(max_executions=2)) as it:
        ended, napping, working, waiting = [await _start(it, kind) for kind in ("ends", "naps", "works", "works")]
        in_line = await _start(it, "ends")
        await it.send("other")
        other = (await it.run_ids())[-1]
        assert (await it.platform.get_run(in_line)).status is RunStatus.QUEUED
        result = await it.platform.cancel_runs_for_job("job")

        assert set(result.cancelled_run_ids) == {napping, working, waiting, in_line}
        assert result.failed_to_cancel_run_ids == ()
        for run_id in result.cancelled_run_ids:
            run = await it.platform.get_run(run_id)
            assert run.status is RunStatus.CANCELED
            assert {task.status for task in run.tasks} <= {TaskStatus.CANCELED}
        assert (await it.platform.get_run(ended)).status is RunStatus.SUCCESS
        assert {working, waiting} <= set(app.aborted)
        await it.reach(other, RunStatus.WAITING_TO_CONTINUE)
        assert len(await it.query("list_timers")) == 1
        app.signal("enough")

        again = await it.platform.cancel_runs_for_job("job")
        assert (again.cancelled_run_ids, again.failed_to_cancel_run_ids) == ((), ())


async def _start(it: World, kind: str) -> str:
    await it.send("job", f'"{kind}"')
    run_id = (await it.run_ids())[-1]
    if kind == "ends" and len(await it.run_ids()) == 1:
        await it.ended(run_id)
    elif kind == "naps":
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
    elif kind == "works":
        await it.reach(run_id, RunStatus.EXECUTING)
    return run_id


async def test_more_runs_than_one_transaction_takes_are_cancelled(storage: Storage, app: ScriptedApp) -> None:
    count = 1000 + CANCEL_BATCH + 1
    async with world(storage, app.job("naps", naps).job("other", ends)) as it:
        await send_many(it, "naps", count)
        await it.until(lambda runs: set(runs.values()) == {RunStatus.WAITING_TO_CONTINUE})
        cancelling = asyncio.create_task(it.platform.cancel_runs_for_job("naps"))
        # Others go on between the batches.
        seen: dict[str, str] = {}
        await it.until(lambda runs: (seen.update(runs) or True) and RunStatus.CANCELED in runs.values())
        await it.send("other")
        result = await cancelling

        assert RunStatus.WAITING_TO_CONTINUE in seen.values()
        assert sorted(result.cancelled_run_ids) == sorted((await it.run_ids())[:count])
        assert (await statuses(it))[:count] == [RunStatus.CANCELED] * count
        assert await it.query("list_timers") == []


async def test_no_run_is_executed_for_a_place_that_one_left_which_was_cancelled(
    storage: Storage, app: ScriptedApp
) -> None:
    app.job("job", works, limit=LimitSpec(1))
    async with world(storage, app) as it:
        await send_many(it, "job", 2 * CANCEL_BATCH + 1)
        await app.happened("working")
        result = await it.platform.cancel_runs_for_job("job")

        assert len(result.cancelled_run_ids) == 2 * CANCEL_BATCH + 1
        assert len(app.executions) == 1
        app.signal("enough")
        await it.send("job")
        await it.until(lambda runs: list(runs.values())[-1] == RunStatus.SUCCESS)


async def test_a_batch_that_cannot_be_stored_does_not_keep_the_others(storage: Storage, app: ScriptedApp) -> None:
    failing = FailingStorage(storage)
    async with world(failing, app.job("naps", naps)) as it:  # type: ignore[arg-type]
        await send_many(it, "naps", CANCEL_BATCH + 5)
        await it.until(lambda runs: set(runs.values()) == {RunStatus.WAITING_TO_CONTINUE})
        failing.fail_next("wake_and_claim", count=1)
        result = await it.platform.cancel_runs_for_job("naps")

        assert len(result.failed_to_cancel_run_ids) == CANCEL_BATCH
        assert len(result.cancelled_run_ids) == 5
        assert not {*result.failed_to_cancel_run_ids} & {*result.cancelled_run_ids}
        again = await it.platform.cancel_runs_for_job("naps")
        assert sorted(again.cancelled_run_ids) == sorted(result.failed_to_cancel_run_ids)


async def test_the_runs_of_one_event_are_cancelled_and_no_others(storage: Storage, app: ScriptedApp) -> None:
    for job_id in ("a", "b"):
        app.job(job_id, naps, EventTriggerSpec(("go",)))
    async with world(storage, app.job("c", ends, EventTriggerSpec(("go",)))) as it:
        for event_id in ("e", "other"):
            await it.send("go", event_id=event_id)
        await it.until(lambda runs: sorted(set(runs.values())) == ["SUCCESS", "WAITING_TO_CONTINUE"])
        result = await it.platform.cancel_runs_for_event("e")

        event, other = await it.platform.get_event("e"), await it.platform.get_event("other")
        assert {run.job_id: run.status for run in event.runs} == {"a": "CANCELED", "b": "CANCELED", "c": "SUCCESS"}
        assert sorted(result.cancelled_run_ids) == sorted(run.id for run in event.runs if run.job_id != "c")
        assert [run.status for run in other.runs].count(RunStatus.WAITING_TO_CONTINUE) == 2


async def test_what_is_to_be_cancelled_must_exist_in_the_environment(storage: Storage, app: ScriptedApp) -> None:
    other = ScriptedApp(app.clock, endpoint_id="other")
    async with (
        world(storage, app.job("naps", naps), shares_database=True) as it,
        world(
            storage, other.job("theirs", naps), seed=1, shares_database=True, settings=Settings(environment="prod")
        ) as elsewhere,
    ):
        await elsewhere.send("theirs", event_id="theirs")
        for call in (
            it.platform.cancel_runs_for_event("theirs"),
            it.platform.cancel_runs_for_event("never"),
            it.platform.cancel_runs_for_job("theirs"),
        ):
            with pytest.raises(NotFoundError):
                await call
        with pytest.raises(NotFoundError, match=r"'nap'\. Did you mean 'naps'"):
            await it.platform.cancel_runs_for_job("nap")
        await elsewhere.reach((await elsewhere.run_ids())[0], RunStatus.WAITING_TO_CONTINUE)
