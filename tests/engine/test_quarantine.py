"""A run that kills its process each time is executed no more; those beside it are not harmed."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest

from perdure.config.settings import Settings
from perdure.protocol.execution import Abandoned, AutoYielded, ExecutionResult, JsonText, Succeeded, Yielded
from perdure.protocol.runs import RunAnswer
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.world import World, check_invariants, kill, start, world


async def kills(execution: Execution) -> ExecutionResult:
    """Takes its process with it, which the test sees to."""
    execution.app.signal("dead")
    await asyncio.Event().wait()
    raise AssertionError


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(JsonText('"ended"'))


async def takes_long(execution: Execution) -> ExecutionResult:
    """Takes longer than a run that kills needs to do so."""
    for _ in range(500):
        await asyncio.sleep(0)
    return Succeeded(JsonText('"ended"'))


class Lives:
    """A process that is started anew whenever it has died."""

    def __init__(self, storage: Storage, app: ScriptedApp, settings: Settings | None = None) -> None:
        self.storage = storage
        self.app = app
        self.settings = settings
        self.count = 0

    async def live(self) -> World:
        """Start it."""
        self.count += 1
        self.app.forget("dead")
        return await start(self.storage, self.app, seed=self.count, shares_database=False, settings=self.settings)

    async def die(self, it: World) -> None:
        """Wait for its death."""
        await self.app.happened("dead")
        await kill(it)
        await check_invariants(self.storage)

    async def live_and_die(self) -> None:
        await self.die(await self.live())

    async def settle(self) -> dict[str, RunAnswer]:
        """Live again and again until every run has ended; the runs."""
        async with asyncio.timeout(30):
            while True:
                it = await self.live()
                while True:
                    it.clock.advance(1)
                    for _ in range(20):
                        await asyncio.sleep(0)
                    runs = [await it.platform.get_run(run_id) for run_id in await it.run_ids()]
                    is_over = all(run.status.is_final for run in runs)
                    if is_over or self.app.has_happened("dead"):
                        break
                await kill(it)
                await check_invariants(self.storage)
                if is_over:
                    return {run.id: run for run in runs}


async def test_a_run_that_kills_five_processes_is_executed_no_more(storage: Storage, app: ScriptedApp) -> None:
    lives = Lives(storage, app.job("kills", kills).job("ends", ends))
    it = await lives.live()
    await it.send("kills")
    await lives.die(it)
    for _ in range(4):
        await lives.live_and_die()

    async with world(storage, app, seed=99) as it:
        run_id = await it.only_run()
        run = await it.ended(run_id)
        assert (run.status, run.executions) == (RunStatus.FAILURE, 5)
        assert run.error is not None
        assert run.error.name == "RunQuarantinedError"
        assert run.error.message.startswith("5 executions in a row ended with the death of their process")
        assert "client.continue_run" in run.error.message
        assert await it.query("list_executions", run_id) == [("LOST",)] * 5

        await it.send("ends")
        await it.until(lambda runs: sorted(runs.values()) == [RunStatus.FAILURE, RunStatus.SUCCESS])


async def test_a_run_in_quarantine_may_go_on_and_is_given_as_many_tries_again(
    storage: Storage, app: ScriptedApp
) -> None:
    lives = Lives(storage, app.job("job", kills))
    it = await lives.live()
    await it.send("job")
    await lives.die(it)
    for _ in range(4):
        await lives.live_and_die()
    it = await lives.live()
    run_id = await it.only_run()
    await it.ended(run_id)
    await it.platform.continue_run(run_id)
    await lives.die(it)
    for _ in range(3):
        await lives.live_and_die()

    app.job("job", ends)
    async with world(storage, app, seed=99) as it:
        assert (await it.reach(run_id, RunStatus.SUCCESS)).executions == 10


async def test_how_many_deaths_a_run_may_cause_is_a_setting(storage: Storage, app: ScriptedApp) -> None:
    lives = Lives(storage, app.job("kills", kills), Settings(quarantine_after=1))
    it = await lives.live()
    await it.send("kills")
    await lives.die(it)
    it = await lives.live()
    assert (await it.ended(await it.only_run())).executions == 1
    await kill(it)


@pytest.mark.parametrize("progress", ["task", "yield", "log"])
async def test_only_executions_without_progress_count(storage: Storage, app: ScriptedApp, progress: str) -> None:
    async def goes_on(execution: Execution) -> ExecutionResult:
        # At its third execution it gets somewhere; else it kills.
        if execution.epoch == 3 and progress == "yield":
            return Yielded("key")
        if progress == "log":
            await execution.store(execution.record(f"line {execution.epoch}", operation="log", noop=True))
        elif execution.epoch == 3:
            await execution.run("task")
        return await kills(execution)

    lives = Lives(storage, app.job("job", goes_on))
    it = await lives.live()
    await it.send("job")
    await lives.die(it)
    runs = await lives.settle()

    (run,) = runs.values()
    assert run.status is RunStatus.FAILURE
    # Two, one that got somewhere, and five; what a run logs is no progress.
    assert run.executions == (5 if progress == "log" else 8)


async def test_the_death_of_a_node_is_not_laid_to_runs_whose_code_was_elsewhere(
    storage: Storage, app: ScriptedApp
) -> None:
    app.is_remote = True
    lives = Lives(storage, app.job("job", kills))
    it = await lives.live()
    await it.send("job")
    await lives.die(it)
    for _ in range(7):
        await lives.live_and_die()

    async with world(storage, app.job("job", ends), seed=99) as it:
        run = await it.ended(await it.only_run())
        assert (run.status, run.executions) == (RunStatus.SUCCESS, 9)


async def test_a_run_whose_process_elsewhere_dies_each_time_is_executed_with_pauses_and_then_no_more(
    storage: Storage, app: ScriptedApp
) -> None:
    begun: list[float] = []

    async def dies_elsewhere(execution: Execution) -> ExecutionResult:
        begun.append(clock.monotonic())
        return Abandoned("the connection ended", lost=True)

    async with world(storage, app.job("job", dies_elsewhere)) as it:
        clock = it.clock
        await it.send("job")
        run_id = await it.only_run()
        async with asyncio.timeout(20):
            while not (run := await it.platform.get_run(run_id)).status.is_final:
                clock.advance(0.1)
                await asyncio.sleep(0)

        assert run.error is not None
        assert (run.error.name, run.executions) == ("RunQuarantinedError", 5)
        assert all(after - before >= 0.5 for before, after in pairwise(begun)), begun


@pytest.mark.parametrize("fault", [Abandoned("status 500", limit=10), AutoYielded("cut short", is_cut=True)])
async def test_a_run_that_has_waited_for_its_app_does_not_fail_with_the_first_fault_of_it(
    storage: Storage, app: ScriptedApp, fault: ExecutionResult
) -> None:
    async def comes_back(execution: Execution) -> ExecutionResult:
        if execution.epoch <= 15:
            return Abandoned("nobody answers", no_code=True)
        return fault if execution.epoch <= 17 else Succeeded(None)

    async with world(storage, app.job("job", comes_back)) as it:
        await it.send("job")
        run_id = await it.only_run()
        async with asyncio.timeout(20):
            while not (run := await it.platform.get_run(run_id)).status.is_final:
                it.clock.advance(1)
                await asyncio.sleep(0)
    assert (run.status, run.executions) == (RunStatus.SUCCESS, 18)


async def test_a_node_that_stops_counts_nothing(storage: Storage, app: ScriptedApp) -> None:
    for seed in range(6):
        app.forget("dead")
        async with world(storage, app.job("job", kills), seed=seed, grace=0) as it:
            if not await it.run_ids():
                await it.send("job")
            await app.happened("dead")
    async with world(storage, app.job("job", ends), seed=99) as it:
        assert (await it.ended(await it.only_run())).executions == 7


@pytest.mark.parametrize("first", ["long", "kills"])
async def test_runs_that_were_lost_as_often_are_executed_one_after_the_other(
    storage: Storage, app: ScriptedApp, first: str
) -> None:
    async def takes_long(execution: Execution) -> ExecutionResult:
        await execution.app.happened("calm")
        return Succeeded(None)

    lives = Lives(storage, app.job("kills", kills).job("long", takes_long))
    it = await lives.live()
    for job_id in (first, "kills" if first == "long" else "long"):
        await it.send(job_id)
    await lives.die(it)
    for _ in range(3):
        await lives.live_and_die()
    begun = len(app.executions)
    it = await lives.live()
    runs = [await it.platform.get_run(run_id) for run_id in await it.run_ids()]
    await it.until(lambda _: len(app.executions) > begun or app.has_happened("dead"))
    put_off = await it.see(
        runs[1].id, lambda run: run.why is not None and "lost 4 executions in a row: waits until" in run.why
    )
    assert put_off.status is RunStatus.WAITING_TO_EXECUTE
    assert [execution.run_id for execution in app.executions[begun:]] == [runs[0].id]
    app.signal("calm")
    if first == "long":
        await it.reach(runs[0].id, RunStatus.SUCCESS)
        await _reach_death(it, app)
    await lives.die(it)

    ended = await lives.settle()
    assert {run.job_id: (run.status, run.error and run.error.name) for run in ended.values()} == {
        "kills": (RunStatus.FAILURE, "RunQuarantinedError"),
        "long": (RunStatus.SUCCESS, None),
    }


async def _reach_death(it: World, app: ScriptedApp) -> None:
    """Let time pass until a run has killed: one that was put off is looked at second after second."""
    async with asyncio.timeout(60):
        while True:
            it.clock.advance(1)
            await asyncio.sleep(0)
            if app.has_happened("dead"):
                return


@pytest.mark.parametrize("seed", range(8))
async def test_runs_beside_those_that_kill_all_succeed(storage: Storage, app: ScriptedApp, seed: int) -> None:
    async def kills_later(execution: Execution) -> ExecutionResult:
        if execution.epoch <= 2:
            await execution.run(f"step {execution.epoch}")
        return await kills(execution)

    app.job("kills", kills).job("kills-later", kills_later).job("long", takes_long).job("ends", ends)
    lives = Lives(storage, app)
    jobs = ["kills"] * 2 + ["kills-later"] + ["long"] * 12 + ["ends"] * 3
    random.Random(seed).shuffle(jobs)
    it = await lives.live()
    for job_id in jobs:
        await it.send(job_id)
    await lives.die(it)
    runs = await lives.settle()

    harmless = [run for run in runs.values() if not run.job_id.startswith("kills")]
    assert {run.status for run in harmless} == {RunStatus.SUCCESS}
    (later,) = [run for run in runs.values() if run.job_id == "kills-later"]
    assert later.error is not None
    assert later.error.name == "RunQuarantinedError"
    assert [(run.status, run.executions) for run in runs.values() if run.job_id == "kills"] == [
        (RunStatus.FAILURE, 5)
    ] * 2
