"""Runs in line: without code, given back, fruitless, and claims of which nobody knows."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from perdure.config.settings import Settings
from perdure.errors import StorageUnavailableError
from perdure.protocol.execution import Abandoned, ExecutionResult, Succeeded, Suspended, Yielded
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import START
from tests.engine.storages import FailingStorage, InterruptedStorage
from tests.engine.world import world


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(None)


async def test_a_run_without_code_waits_longer_and_longer_and_is_never_failed(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("gone", ends)):
        pass
    async with world(storage, ScriptedApp(app.clock, endpoint_id="other"), seed=1) as it:
        await it.send("gone")
        run_id = await it.only_run()
        delays: list[float] = []
        why: str | None = "in line"
        for _ in range(14):
            run = await it.see(run_id, lambda run, before=why: run.why != before)  # type: ignore[misc]
            why = run.why
            assert why is not None
            assert why.startswith("no code for job gone; tried again at ")
            delays.append((datetime.fromisoformat(why.rpartition(" ")[2]) - it.clock.now()).total_seconds())
            it.clock.advance(delays[-1])

        assert delays[:4] == [0.75, 1.125, 1.688, 2.532]
        assert delays[-2:] == [60, 60]
        assert (await it.platform.get_run(run_id)).status is RunStatus.QUEUED


async def test_a_run_goes_on_as_soon_as_its_code_is_back(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("gone", ends)):
        pass
    async with world(storage, ScriptedApp(app.clock, endpoint_id="other"), seed=1) as it:
        await it.send("gone")
        run_id = await it.only_run()
        await it.see(run_id, lambda run: run.why != "in line")
        await it.node.add(app)

        assert (await it.ended(run_id)).status is RunStatus.SUCCESS


async def test_a_run_whose_app_has_no_such_job_is_not_failed(storage: Storage, app: ScriptedApp) -> None:
    app.is_missing.add("moved")
    async with world(storage, app.job("moved", ends)) as it:
        await it.send("moved")
        run_id = await it.only_run()
        run = await it.reach(run_id, RunStatus.WAITING_TO_EXECUTE)
        assert run.why == f"no code for job moved; tried again at {(START + timedelta(seconds=0.75)).isoformat()}"

        app.is_missing.clear()
        assert await it.query("find_fruitless", run_id) == [(0,)]
        await it.advance(0.75, run_id, RunStatus.SUCCESS)
        assert await it.query("list_executions", run_id) == [("UNREACHABLE",), ("SUCCESS",)]


async def test_an_execution_that_raises_is_tried_again_later(storage: Storage, app: ScriptedApp) -> None:
    async def raises(execution: Execution) -> ExecutionResult:
        if execution.epoch < 3:
            raise RuntimeError("broken")
        return Succeeded(None)

    async with world(storage, app.job("raises", raises)) as it:
        await it.send("raises")
        run_id = await it.only_run()
        run = await it.reach(run_id, RunStatus.WAITING_TO_EXECUTE)
        assert run.why is not None
        assert run.why.startswith("the execution raised RuntimeError: broken; tried again at")
        assert await it.query("find_fruitless", run_id) == [(1,)]
        await it.advance(0.75, run_id, RunStatus.WAITING_TO_EXECUTE, executions=2)
        await it.advance(1.125, run_id, RunStatus.SUCCESS, executions=3)

        assert await it.query("list_executions", run_id) == [("LOST",), ("LOST",), ("SUCCESS",)]


async def test_an_execution_given_back_at_once_is_begun_again_at_once(storage: Storage, app: ScriptedApp) -> None:
    async def gives_back(execution: Execution) -> ExecutionResult:
        return Abandoned("evicted", immediate=True) if execution.epoch == 1 else Succeeded(None)

    async with world(storage, app.job("gives_back", gives_back)) as it:
        await it.send("gives_back")
        assert (await it.ended(await it.only_run())).executions == 2


async def test_an_execution_that_is_cut_short_is_begun_again(storage: Storage, app: ScriptedApp) -> None:
    async def cancels_itself(execution: Execution) -> ExecutionResult:
        if execution.epoch == 1:
            raise asyncio.CancelledError
        return Succeeded(None)

    async with world(storage, app.job("cancels_itself", cancels_itself)) as it:
        await it.send("cancels_itself")
        run_id = await it.only_run()

        assert (await it.ended(run_id)).executions == 2
        assert await it.query("list_executions", run_id) == [("LOST",), ("SUCCESS",)]


async def test_claims_and_new_runs_together_stay_within_the_limit(storage: Storage, app: ScriptedApp) -> None:
    at_work = most = 0

    async def counts(execution: Execution) -> ExecutionResult:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        nap = await execution.sleep("nap", 1)
        await execution.store(execution.record(f"work {execution.epoch}"))
        at_work -= 1
        return Succeeded(None) if nap is None else Suspended((nap,))

    async with world(storage, app.job("counts", counts), settings=Settings(max_executions=4)) as it:
        for _ in range(8):
            await asyncio.gather(*(it.send("counts") for _ in range(3)))
            it.clock.advance(1)
        # Whoever stands in line yet will nap, too.
        await it.until(lambda runs: set(runs.values()) <= {RunStatus.SUCCESS, RunStatus.WAITING_TO_CONTINUE})
        it.clock.advance(1)
        await it.until(lambda runs: set(runs.values()) == {RunStatus.SUCCESS})

        assert most <= 4


async def test_executions_that_complete_nothing_end_the_run_after_250(storage: Storage, app: ScriptedApp) -> None:
    async def spins(execution: Execution) -> ExecutionResult:
        await execution.sleep("nap", 3600)
        return Yielded("again")

    async with world(storage, app.job("spins", spins)) as it:
        await it.send("spins")
        run_id = await it.only_run()
        run = await it.ended(run_id)

        assert (run.status, run.executions) == (RunStatus.TIMED_OUT, 250)
        assert run.error is not None
        assert run.error.message == "250 executions in a row completed no task."
        assert await it.query("list_timers") == []


async def test_a_completed_task_or_a_wait_that_ended_starts_the_count_anew(storage: Storage, app: ScriptedApp) -> None:
    async def works(execution: Execution) -> ExecutionResult:
        if execution.epoch == 2:
            await execution.run("work")
        if execution.epoch == 4 or (execution.epoch == 5 and await execution.sleep("nap", 1) is not None):
            nap = await execution.sleep("nap", 1)
            assert nap is not None
            return Suspended((nap,))
        return Succeeded(None) if execution.epoch == 6 else Yielded("again")

    counts: list[object] = []

    async with world(storage, app.job("works", works)) as it:
        original = app.execute

        async def counted(request):  # type: ignore[no-untyped-def]
            counts.extend(row[0] for row in await it.query("find_fruitless", request.run.id))
            return await original(request)

        app.execute = counted  # type: ignore[method-assign]
        await it.send("works")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(1)
        await it.ended(run_id)

        assert counts == [0, 1, 0, 1, 0, 1]


async def test_a_sender_that_is_cancelled_leaves_no_run_behind(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("ends", ends)) as it:
        for number in range(20):
            sending = asyncio.create_task(it.send("ends", event_id=str(number)))
            await asyncio.sleep(0)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        await it.until(lambda runs: set(runs.values()) <= {RunStatus.SUCCESS})


async def test_a_doubt_that_cannot_be_cleared_at_once_stays(storage: Storage, app: ScriptedApp) -> None:
    async def cancels_itself(execution: Execution) -> ExecutionResult:
        if execution.epoch == 1:
            raise asyncio.CancelledError
        return Succeeded(None)

    failing = FailingStorage(storage)
    async with world(failing, app.job("cancels_itself", cancels_itself)) as it:  # type: ignore[arg-type]
        failing.before.update({"list_held", "release_orphans"})
        await it.send("cancels_itself")
        await failing.failed.wait()
        failing.before.remove("list_held")
        failing.failed.clear()
        it.clock.advance(1)
        await failing.failed.wait()
        failing.before.clear()
        it.clock.advance(1)

        assert (await it.ended(await it.only_run())).executions == 2


@pytest.mark.parametrize("transition", ["store_events", "wake_and_claim", "apply_result"])
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_commit_of_which_nobody_knows_costs_no_run(
    storage: Storage, app: ScriptedApp, transition: str, moment: str
) -> None:
    async def naps(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 1)
        return Succeeded(None) if nap is None else Suspended((nap,))

    failing = FailingStorage(storage)
    async with world(failing, app.job("naps", naps)) as it:  # type: ignore[arg-type]
        fails: set[str] = getattr(failing, moment)
        fails.add(transition)
        if transition == "store_events":
            with pytest.raises(StorageUnavailableError):
                await it.send("naps", event_id="e")
            fails.clear()
        await it.send("naps", event_id="e")
        async with asyncio.timeout(20):
            while True:
                it.clock.advance(1)
                await it.send("probe") if transition != "store_events" else None
                await asyncio.sleep(0)
                if failing.failed.is_set():
                    fails.clear()
                if await it.query("list_runs") == [(await it.only_run(), RunStatus.SUCCESS)]:
                    break
        assert failing.failed.is_set()
        # Whoever does not know of the commit tries again after a while.
        it.clock.advance(60)
        assert (await it.ended(await it.only_run())).status is RunStatus.SUCCESS


@pytest.mark.parametrize("taking", ["store_events", "wake_and_claim"])
async def test_a_run_that_found_no_room_while_it_was_taken_for_nothing_is_executed_when_it_is_given_back(
    storage: Storage, app: ScriptedApp, taking: str
) -> None:
    interrupted = InterruptedStorage(storage)
    async with world(interrupted, app.job("goes", ends), settings=Settings(max_executions=1)) as it:  # type: ignore[arg-type]
        # Then what an event wakes is claimed in the commit that stores it.
        it.node.directory.any_may_be_awaited = taking == "wake_and_claim"
        await it.send("goes", event_id="known")
        # Its end is seen in the database before the node has its room back.
        await it.ended(await it.only_run())
        assert not len(it.node.holds)
        began = asyncio.Event()

        async def sends_another(name: str) -> None:
            if name == taking and not began.is_set():
                began.set()
                await it.send("goes", event_id="other")
                for _ in range(100):
                    await asyncio.sleep(0)

        interrupted.earlier = sends_another
        await it.send("goes", event_id="known")
        await it.until(lambda runs: list(runs.values()).count(RunStatus.SUCCESS) == 2)
        assert began.is_set()
