"""Concurrency limits: never more at work than may be, nobody kept waiting for want of a look."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from perdure.config.settings import Settings
from perdure.engine.claims import LOOK
from perdure.protocol.endpoint import LimitSpec
from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.execution import Abandoned, ErrorInfo, ExecutionResult, Failed, JsonText, Succeeded, Suspended
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Session, Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import ManualClock
from tests.engine.conftest import open_storage
from tests.engine.world import World, kill, start, world

SEEDS = range(200 if os.environ.get("PERDURE_PROVE") else 8)


class Gauge:
    """Executions that stay at work until they are let go, and how many there are."""

    def __init__(self) -> None:
        self.at_work: list[Execution] = []
        self.order: list[str] = []
        self.peaks: dict[str, int] = {}
        self._release: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Event()

    async def __call__(self, execution: Execution) -> ExecutionResult:
        self.at_work.append(execution)
        self.order.append(execution.run_id)
        for job_id in (execution.request.job.id, "all"):
            self.peaks[job_id] = max(self.peaks.get(job_id, 0), self.count(job_id))
        self._changed.set()
        release = self._release.setdefault(execution.run_id, asyncio.Event())
        try:
            await release.wait()
            return await self.act(execution)
        finally:
            self.at_work.remove(execution)

    async def act(self, execution: Execution) -> ExecutionResult:
        return Succeeded(None)

    def count(self, job_id: str) -> int:
        return sum(1 for one in self.at_work if job_id in ("all", one.request.job.id))

    def release(self, run_id: str) -> None:
        self._release.setdefault(run_id, asyncio.Event()).set()

    async def reach(self, count: int, job_id: str = "all") -> None:
        """Wait until so many are at work."""
        async with asyncio.timeout(60):
            while self.count(job_id) != count:
                self._changed.clear()
                await asyncio.sleep(0)


async def send(it: World, name: str, count: int) -> list[str]:
    """Send events that start a run each; the runs' ids in order."""
    before = len(await it.run_ids())
    for number in range(0, count, 500):
        requests = [EventRequest(name) for _ in range(min(500, count - number))]
        await it.platform.send_events(requests, EventOptions())
    return (await it.run_ids())[before:]


async def settled(it: World) -> None:
    """Wait until the line has been looked at and nobody in it is due any more."""
    async with asyncio.timeout(20):
        while True:
            if not await it.query("list_in_way", it.clock.now_ms()):
                return
            await asyncio.sleep(0)


async def test_a_limit_of_one_makes_runs_follow_one_another_in_order(storage: Storage, app: ScriptedApp) -> None:
    gauge = Gauge()
    async with world(storage, app.job("job", gauge, limit=LimitSpec(1))) as it:
        runs = await send(it, "job", 20)
        for run_id in runs:
            await gauge.reach(1)
            await settled(it)
            gauge.release(run_id)
            await it.ended(run_id)
    assert gauge.order == runs
    assert gauge.peaks == {"job": 1, "all": 1}


async def test_a_run_that_stands_aside_says_why(storage: Storage, app: ScriptedApp) -> None:
    gauge = Gauge()
    app.job("own", gauge, limit=LimitSpec(1)).job("shared", gauge, limit=LimitSpec(1, "openai"))
    async with world(storage, app) as it:
        runs = await send(it, "own", 2) + await send(it, "shared", 2)
        await settled(it)
        whys = [(await it.platform.get_run(run_id)).why for run_id in runs]
        for run_id in runs:
            gauge.release(run_id)
        for run_id in runs:
            await it.ended(run_id)
    assert whys[0] is None
    assert whys[1] == "waits for a place: at most 1 executions of this job are at work at once"
    assert whys[3] == "waits for a place: at most 1 executions of the group 'openai' are at work at once"


async def test_jobs_of_a_group_share_its_places(storage: Storage, app: ScriptedApp) -> None:
    gauge = Gauge()
    for name in ("a", "b", "c"):
        app.job(name, gauge, limit=LimitSpec(2, "group"))
    async with world(storage, app.job("free", gauge)) as it:
        runs = [run_id for name in ("a", "b", "c") for run_id in await send(it, name, 3)]
        await gauge.reach(2)
        free = await send(it, "free", 5)
        await gauge.reach(7)
        for run_id in free + runs:
            gauge.release(run_id)
        for run_id in runs:
            await it.ended(run_id)
    assert gauge.order[:2] == runs[:2]
    assert [one for one in gauge.order if one in runs] == runs
    assert max(gauge.peaks[name] for name in ("a", "b", "c")) <= 2


async def test_a_run_that_waits_takes_no_place(storage: Storage, app: ScriptedApp) -> None:
    async def naps(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 10)
        return Succeeded(None) if nap is None else Suspended((nap,))

    async with world(storage, app.job("job", naps, limit=LimitSpec(1))) as it:
        runs = await send(it, "job", 50)
        for run_id in runs:
            await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(10)
        for run_id in runs:
            assert (await it.ended(run_id)).status is RunStatus.SUCCESS


@pytest.mark.parametrize("ending", ["fails", "is cancelled", "is given back", "succeeds"])
async def test_a_place_is_free_however_an_execution_ends(storage: Storage, app: ScriptedApp, ending: str) -> None:
    class Ends(Gauge):
        async def act(self, execution: Execution) -> ExecutionResult:
            if ending == "fails":
                return Failed(ErrorInfo("Oops", "no"))
            if ending == "is given back" and execution.epoch == 1 and execution.run_id == self.order[0]:
                return Abandoned("not now")
            return Succeeded(None)

    gauge = Ends()
    async with world(storage, app.job("job", gauge, limit=LimitSpec(1))) as it:
        first, second = await send(it, "job", 2)
        await gauge.reach(1)
        await settled(it)
        if ending == "is cancelled":
            await it.platform.cancel_run(first)
        gauge.release(first)
        await it.reach(second, RunStatus.EXECUTING)
        gauge.release(second)
        await it.ended(second)
        it.clock.advance(60)
        await it.ended(first)


async def test_ten_thousand_runs_of_a_saturated_job_do_not_keep_others_waiting(
    storage: Storage, app: ScriptedApp
) -> None:
    gauge, flows = Gauge(), Gauge()
    async with world(storage, app.job("full", gauge, limit=LimitSpec(2)).job("flows", flows)) as it:
        await send(it, "full", 10_000)
        await settled(it)
        assert gauge.count("full") == 2
        # Whoever stands aside is in no claim's way: neither this node's nor one that begins now.
        assert await it.query("list_in_way", it.clock.now_ms()) == []
        runs = await send(it, "flows", 20)
        await flows.reach(20)
        for run_id in runs:
            flows.release(run_id)
        for run_id in runs:
            await it.ended(run_id)
        for number in range(5):
            gauge.release(gauge.order[number])
            await it.ended(gauge.order[number])
            await gauge.reach(2)
        assert gauge.peaks["full"] == 2
        for one in list(gauge.at_work):
            gauge.release(one.run_id)
        it.node.executions.is_open = False


async def test_runs_that_come_later_wait_behind_those_that_stand_aside(storage: Storage, app: ScriptedApp) -> None:
    gauge = Gauge()
    async with world(storage, app.job("job", gauge, limit=LimitSpec(1))) as it:
        runs: list[str] = []
        for _ in range(6):
            runs += await send(it, "job", 1)
            await settled(it)
        for run_id in runs[:3]:
            gauge.release(run_id)
            await it.ended(run_id)
            runs += await send(it, "job", 1)
            await settled(it)
        for run_id in runs[3:]:
            gauge.release(run_id)
        for run_id in runs:
            await it.ended(run_id)
    assert gauge.order == runs


async def test_a_limit_that_is_lowered_lets_executions_end_and_none_begin(storage: Storage, app: ScriptedApp) -> None:
    gauge = Gauge()
    async with world(storage, app.job("job", gauge, limit=LimitSpec(4))) as it:
        runs = await send(it, "job", 10)
        await gauge.reach(4)
        await it.node.add(app.job("job", gauge, limit=LimitSpec(2)))
        for left, run_id in zip((3, 2, 2, 2), list(gauge.order), strict=True):
            gauge.release(run_id)
            await it.ended(run_id)
            await settled(it)
            await gauge.reach(left)
        for run_id in runs:
            gauge.release(run_id)
        for run_id in runs:
            await it.ended(run_id)


async def test_a_limit_that_is_raised_or_taken_away_lets_more_begin_at_once(storage: Storage, app: ScriptedApp) -> None:
    gauge = Gauge()
    async with world(storage, app.job("job", gauge, limit=LimitSpec(1))) as it:
        runs = await send(it, "job", 10)
        await gauge.reach(1)
        await settled(it)
        await it.node.add(app.job("job", gauge, limit=LimitSpec(3)))
        await gauge.reach(3)
        await it.node.add(app.job("job", gauge))
        await gauge.reach(10)
        for run_id in runs:
            gauge.release(run_id)
        for run_id in runs:
            await it.ended(run_id)


async def test_executions_at_work_count_under_the_limit_that_is_declared_now(
    storage: Storage, app: ScriptedApp
) -> None:
    gauge = Gauge()
    async with world(storage, app.job("job", gauge)) as it:
        runs = await send(it, "job", 3)
        await gauge.reach(3)
        await it.node.add(app.job("job", gauge, limit=LimitSpec(3, "group")))
        runs += await send(it, "job", 2)
        await settled(it)
        assert gauge.count("job") == 3
        await it.node.add(app.job("job", gauge, limit=LimitSpec(4)))
        await gauge.reach(4)
        for run_id in runs:
            gauge.release(run_id)
        for run_id in runs:
            await it.ended(run_id)


async def test_the_places_of_a_node_that_died_are_free(storage: Storage, app: ScriptedApp) -> None:
    gauge = Gauge()
    dead = await start(storage, app.job("job", gauge, limit=LimitSpec(1)), seed=0)
    runs = await send(dead, "job", 3)
    await gauge.reach(1)
    await settled(dead)
    await kill(dead)

    again = Gauge()
    async with world(storage, app.job("job", again, limit=LimitSpec(1)), seed=1) as it:
        for run_id in runs:
            again.release(run_id)
        for run_id in runs:
            await it.ended(run_id)
    assert again.peaks["job"] == 1


async def test_a_place_that_is_freed_unseen_is_found_by_the_next_look(storage: Storage, app: ScriptedApp) -> None:
    gauge = Gauge()
    async with world(storage, app.job("job", gauge, limit=LimitSpec(1))) as it:
        first, second = await send(it, "job", 2)
        await gauge.reach(1)
        await settled(it)
        await it.storage.write(_forget_place, first)
        it.clock.advance(1)
        await gauge.reach(2)
        for run_id in (first, second):
            gauge.release(run_id)
        for run_id in (first, second):
            await it.ended(run_id)


async def test_an_environment_may_have_so_many_executions_at_work(storage: Storage, app: ScriptedApp) -> None:
    gauge = Gauge()
    app.job("a", gauge).job("b", gauge, limit=LimitSpec(1))
    async with world(storage, app, settings=Settings(concurrency_limit=3)) as it:
        runs = await send(it, "a", 5) + await send(it, "b", 3)
        await gauge.reach(3)
        for run_id in runs:
            gauge.release(run_id)
        for run_id in runs:
            await it.ended(run_id)
    assert gauge.peaks["all"] == 3
    assert gauge.peaks["b"] == 1


async def test_an_environment_that_has_as_many_as_it_may_keeps_no_other_waiting(
    storage: Storage, app: ScriptedApp
) -> None:
    gauge, other = Gauge(), ScriptedApp(app.clock, endpoint_id="other")
    async with world(storage, other, seed=1, settings=Settings(environment="prod")):
        pass
    settings = Settings(concurrency_limit=2)
    async with world(storage, app.job("a", gauge), serves_all=True, settings=settings) as it:
        prod = it.node.environments.named("prod")
        await it.node.add(other.job("b", gauge), environment_no=prod.number)
        busy = await send(it, "a", 30)
        await gauge.reach(2, "a")
        sent = await prod.desk.send_events([EventRequest("b", JsonText("{}"))] * 3, EventOptions())
        await gauge.reach(2, "b")

        assert len(sent) == 3
        waiting = await it.platform.get_run(busy[-1])
        assert waiting.why == "waits for a place: at most 2 executions of the environment are at work at once"
        for one in list(gauge.at_work):
            gauge.release(one.run_id)
        for run_id in busy:
            gauge.release(run_id)
        for run_id in busy:
            await it.ended(run_id)
        await gauge.reach(1, "b")
        gauge.release(gauge.at_work[0].run_id)
    assert (gauge.peaks["a"], gauge.peaks["b"]) == (2, 2)


async def test_a_claim_sets_aside_a_bounded_number(storage: Storage, app: ScriptedApp) -> None:
    gauge = Gauge()
    async with world(storage, app.job("full", gauge, limit=LimitSpec(1)).job("other", gauge)) as it:
        await send(it, "full", 2 * LOOK + 10)
        other = await send(it, "other", 1)
        await gauge.reach(1, "other")
        for run_id in (*other, gauge.order[0]):
            gauge.release(run_id)
        await settled(it)
        it.node.executions.is_open = False
        for one in list(gauge.at_work):
            gauge.release(one.run_id)


class Mayhem:
    """Runs of limited jobs that work, wait, fail and are cancelled, while limits may change.

    Args:
        may_change: Whether limits change. If not, what is at work is never above them; otherwise, as they may be
            lowered under what is at work, never above the highest that was declared.
    """

    def __init__(self, it: World, app: ScriptedApp, seed: int, *, may_change: bool) -> None:
        self.random = random.Random(seed)
        self.it = it
        self.app = app
        self.may_change = may_change
        self.highest = {"own": 0, "group": 0}
        self.excesses: list[str] = []

    async def script(self, execution: Execution) -> ExecutionResult:
        for name, taken in await self.it.query("list_taken_places"):
            if int(str(taken)) > self.highest[str(name)]:
                self.excesses.append(f"{name}: {taken}")
        for _ in range(self.random.randint(0, 20)):
            await asyncio.sleep(0)
        nap = await execution.sleep("nap", self.random.choice((0.5, 2)))
        if nap is not None:
            return Suspended((nap,))
        kind = self.random.random()
        if kind < 0.1:
            return Failed(ErrorInfo("Oops", "no"))
        return Abandoned("later") if kind < 0.2 else Succeeded(JsonText("1"))

    async def declare(self) -> None:
        """Declare the jobs, under limits that may be lower than what is at work."""
        most = {"own": self.random.randint(1, 3), "group": self.random.randint(1, 4)}
        self.highest = {name: max(self.highest[name], number) for name, number in most.items()}
        self.app.job("own", self.script, limit=LimitSpec(most["own"])).job("free", self.script)
        for name in ("a", "b"):
            self.app.job(name, self.script, limit=LimitSpec(most["group"], "group"))
        await self.it.node.add(self.app)

    async def act(self) -> None:
        it = self.it
        action = self.random.choices(("send", "advance", "cancel", "declare", "yield"), (8, 8, 2, 0.5, 6))[0]
        if action == "send":
            await send(it, self.random.choice(("own", "a", "b", "free")), self.random.randint(1, 8))
        elif action == "advance":
            it.clock.advance(self.random.choice((0.1, 1, 3)))
        elif action == "cancel" and (runs := await it.run_ids()):
            await it.platform.cancel_run(self.random.choice(runs))
        elif action == "declare" and self.may_change:
            await self.declare()
        for _ in range(self.random.randint(0, 30)):
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_no_limit_is_exceeded_and_every_run_ends(seed: int, tmp_path: Path) -> None:
    storage = open_storage(tmp_path / "mayhem.db" if seed % 4 == 0 else None)
    clock = ManualClock()
    app = ScriptedApp(clock)
    settings = Settings(max_executions=random.Random(seed).choice((2, 5, 1000)), claim_batch=5)
    try:
        async with asyncio.timeout(60), world(storage, app, seed=seed, settings=settings) as it:
            mayhem = Mayhem(it, app, seed, may_change=seed % 2 == 0)
            await mayhem.declare()
            for _ in range(150):
                await mayhem.act()
            while not all(RunStatus(str(status)).is_final for _, status in await it.query("list_runs")):
                clock.advance(1)
                await asyncio.sleep(0)
            assert mayhem.excesses == []
            assert await it.query("list_taken_places") == []
    finally:
        await storage.close()


async def _forget_place(tx: Session, run_id: str) -> None:
    await tx.run("forget_place", run_id)
