"""A run whose wait is over goes on in the commit that ends the wait, and stands in line only where it has to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.config.settings import Settings
from perdure.engine.claims import Claimant
from perdure.engine.quarantine import Suspects
from perdure.engine.waits import Settlement, Waking, settle_waits
from perdure.engine.wakes import Wakes, wake_and_claim
from perdure.protocol.endpoint import LimitSpec
from perdure.protocol.execution import ErrorInfo, ExecutionResult, JsonText, Succeeded, Suspended
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage import nodes, run_outcomes, runs, tasks
from perdure.storage.interface import Session, Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.world import world
from tests.storage.nouns.rows import LATER, NOW, Seed, claim, record, sow

NO_LUCK = ErrorInfo("Declined", "no money")


async def naps(execution: Execution) -> ExecutionResult:
    nap = await execution.sleep("nap", 60)
    return Succeeded(None) if nap is None else Suspended((nap,))


async def test_a_run_whose_wait_is_over_is_at_work_at_once(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps)) as it:
        await it.send("naps")
        await it.reach(await it.only_run(), RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(60)
        await it.ended(await it.only_run())

        assert [status for _, status in await it.query("list_run_changes")] == [
            RunStatus.EXECUTING, RunStatus.WAITING_TO_CONTINUE, RunStatus.EXECUTING, RunStatus.SUCCESS
        ]  # fmt: skip


async def test_a_run_whose_job_has_a_limit_stands_in_line_first(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps, limit=LimitSpec(1))) as it:
        await it.send("naps")
        await it.reach(await it.only_run(), RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(60)
        await it.ended(await it.only_run())

        assert (RunStatus.WAITING_TO_CONTINUE, RunStatus.WAITING_TO_EXECUTE) in await it.query("list_run_changes")


async def test_no_more_runs_are_at_work_at_once_than_a_node_has_room_for(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps), settings=Settings(retention=None, max_executions=3)) as it:
        for _ in range(10):
            await it.send("naps")
        await it.until(lambda runs: set(runs.values()) == {RunStatus.WAITING_TO_CONTINUE} and len(runs) == 10)
        it.clock.advance(60)
        await it.until(lambda runs: set(runs.values()) == {RunStatus.SUCCESS})

        straight = (RunStatus.WAITING_TO_CONTINUE, RunStatus.EXECUTING)
        assert 0 < (await it.query("list_run_changes")).count(straight) <= 3


async def asleep(storage: Storage, *, block: str | None = None, others: tuple[str, ...] = ()) -> Seed:
    """Store a run that waits for a task."""
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    if block is not None:
        outer = record(block.removeprefix("task_"), TaskStatus.RUNNING)
        await storage.write(tasks.insert_if_executing, seed.run_no, epoch, outer)
    for key in ("nap", *others):
        one = record(key, TaskStatus.WAITING, delay=60)
        one.parent_id = block
        await storage.write(tasks.insert_if_executing, seed.run_no, epoch, one)
    status = await storage.write(
        run_outcomes.suspend_if_executing, seed.run_no, epoch=epoch, task_ids=("task_nap",), block=block,
        was_fruitful=False, now=NOW,
    )  # fmt: skip
    assert status is RunStatus.WAITING_TO_CONTINUE
    return seed


async def end_wait(storage: Storage, seed: Seed, *, error: ErrorInfo | None = None, **claimant: Any) -> Wakes[None]:
    task_no = await storage.read(tasks.find_number, "task_nap")
    assert task_no is not None

    async def ends(tx: Session) -> Waking[None]:
        output = JsonText("1") if error is None else None
        return Waking(None, await settle_waits(tx, [Settlement(task_no, output, error)], now=LATER))

    usual: dict[str, Any] = {
        "node_no": seed.node_no, "hosted": {seed.job_no}, "away": {}, "environment_limit": None, "fruitless_limit": 5,
        "max_run_duration": None, "suspects": Suspects(5), "lease_until": None, "next_turn": LATER,
    }  # fmt: skip
    return await storage.write(wake_and_claim, Claimant(**(usual | claimant)), ends, limit=1, now=LATER)


async def history(storage: Storage, seed: Seed) -> list[str]:
    """The statuses that the run has had since it waited."""
    rows = await storage.read(_statuses, seed.run_no)
    return rows[rows.index("WAITING_TO_CONTINUE") + 1 :]


async def _statuses(tx: Session, run_no: int) -> list[str]:
    return [str(row[0]) for row in await tx.all("list_logged_statuses", run_no)]


async def test_what_a_run_goes_on_with_is_as_if_it_had_stood_in_line(storage: Storage) -> None:
    seed = await asleep(storage)
    wakes = await end_wait(storage, seed)
    (run,) = wakes.claims.claimed

    assert (run.epoch, run.executing_since, run.started_at, run.event.id) == (2, LATER, NOW, "e")
    assert (wakes.in_line, [one.run.node_no for one in wakes.woken]) == (0, [seed.node_no])
    assert await storage.write(runs.list_held, seed.node_no) == [(seed.run_no, "run_1", 2)]
    assert await history(storage, seed) == ["EXECUTING"]


async def test_a_lease_that_is_due_is_renewed_in_the_commit_that_lets_a_run_go_on(storage: Storage) -> None:
    seed = await asleep(storage)
    until = LATER + timedelta(hours=1)
    wakes = await end_wait(storage, seed, lease_until=until)
    assert (len(wakes.claims.claimed), wakes.claims.is_renewed) == (1, True)
    for now, expired in ((until - timedelta(seconds=1), []), (until + timedelta(seconds=1), [seed.node_no])):
        assert await storage.read(nodes.list_expired, own_node_no=seed.other_node_no, now=now) == expired


@pytest.mark.parametrize(
    "claimant",
    [
        pytest.param({"hosted": ()}, id="its code is not here"),
        pytest.param({"environment_limit": 1}, id="its environment has a limit"),
        pytest.param({"fruitless_limit": 0, "error": NO_LUCK}, id="it has come to nothing too often"),
        pytest.param({"max_run_duration": timedelta(0)}, id="its time is over"),
    ],
)
async def test_a_run_stands_in_line_first_if(storage: Storage, claimant: dict[str, Any]) -> None:
    seed = await asleep(storage)
    await end_wait(storage, seed, **claimant)
    assert (await history(storage, seed))[0] == "WAITING_TO_EXECUTE"


async def test_a_run_that_waits_for_a_whole_block_waits_on(storage: Storage) -> None:
    seed = await asleep(storage, block="task_block", others=("other",))
    wakes = await end_wait(storage, seed)
    assert (wakes.claims.claimed, wakes.in_line, await history(storage, seed)) == ([], 0, [])
