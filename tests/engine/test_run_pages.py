"""Looking runs up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure.errors import InvalidArgumentError, NotFoundError
from perdure.protocol.execution import ExecutionResult, Succeeded, Suspended
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.world import World, world


async def many(execution: Execution) -> ExecutionResult:
    for number in range(25):
        await execution.run(f"{number:02}")
    await execution.store(execution.record("inside", parent="00"))
    await execution.store(execution.record("said", operation="log", noop=True))
    return Succeeded(None)


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(execution.request.event.payload)


async def pages(it: World, run_id: str, *, take: int, subtasks: bool) -> list[list[str | None]]:
    found: list[list[str | None]] = []
    cursor: str | None = None
    while True:
        run = await it.platform.get_run(run_id, cursor=cursor, take=take, subtasks=subtasks)
        found.append([task.key for task in run.tasks])
        if run.next_cursor is None:
            return found
        cursor = run.next_cursor


async def test_pages_follow_each_other_without_gap_or_overlap(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("many", many)) as it:
        await it.send("many")
        run_id = await it.only_run()
        await it.ended(run_id)

        for take, lengths in ((10, [10, 10, 5]), (25, [25]), (24, [24, 1]), (50, [25])):
            found = await pages(it, run_id, take=take, subtasks=False)
            assert [len(page) for page in found] == lengths
            assert sorted(key or "" for page in found for key in page) == [f"{number:02}" for number in range(25)]


async def test_subtasks_are_listed_on_request_and_log_lines_always_apart(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("many", many)) as it:
        await it.send("many")
        run_id = await it.only_run()
        await it.ended(run_id)
        (page,) = await pages(it, run_id, take=50, subtasks=True)
        run = await it.platform.get_run(run_id, take=1)

        assert len(page) == 26
        assert "inside" in page
        assert [line.key for line in run.logs] == ["said"]


@pytest.mark.parametrize("take", [0, -1, 51])
async def test_a_page_has_one_to_fifty_tasks(storage: Storage, app: ScriptedApp, take: int) -> None:
    async with world(storage, app.job("many", many)) as it:
        await it.send("many")
        run_id = await it.only_run()
        with pytest.raises(InvalidArgumentError, match="1 to 50"):
            await it.platform.get_run(run_id, take=take)


async def test_an_unknown_run_is_not_found(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("many", many)) as it:
        with pytest.raises(NotFoundError, match="run_nowhere"):
            await it.platform.get_run("run_nowhere")
        with pytest.raises(NotFoundError, match="run_nowhere"):
            await it.platform.wait_for_run("run_nowhere")


async def test_waiting_for_a_run_ends_with_the_time_given_and_the_run_goes_on(
    storage: Storage, app: ScriptedApp
) -> None:
    async def naps(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 60)
        return Succeeded(None) if nap is None else Suspended((nap,))

    async with world(storage, app.job("naps", naps)) as it:
        await it.send("naps")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        with pytest.raises(TimeoutError):
            await it.platform.wait_for_run(run_id, timeout=0.01)

        it.clock.advance(60)
        assert (await it.ended(run_id)).tasks == ()


async def test_many_may_wait_for_one_run(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("many", many)) as it:
        await it.send("many")
        run_id = await it.only_run()
        runs = await asyncio.gather(*(it.ended(run_id) for _ in range(5)))

        assert {run.status for run in runs} == {RunStatus.SUCCESS}


async def test_a_run_says_what_it_waits_for(storage: Storage, app: ScriptedApp) -> None:
    async def naps(execution: Execution) -> ExecutionResult:
        naps = [await execution.sleep("long", 60), await execution.sleep("short", 30)]
        return Suspended(tuple(nap for nap in naps if nap is not None))

    async with world(storage, app.job("naps", naps)) as it:
        await it.send("naps")
        run_id = await it.only_run()
        run = await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)

        assert run.why == "waits for wait 'short' until 2030-01-01T00:00:30+00:00, and for others"


async def test_runs_of_a_job_are_listed_newest_first_page_after_page(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends).job("other", ends)) as it:
        for number in range(7):
            await it.send("go", f"{number}")
            await it.send("other")
        await it.until(lambda runs: len(runs) == 14 and set(runs.values()) == {RunStatus.SUCCESS})
        found: list[str | None] = []
        lengths: list[int] = []
        cursor: str | None = None
        while True:
            page = await it.platform.get_runs("go", cursor=cursor, take=3)
            found += [run.output for run in page.runs]
            lengths.append(len(page.runs))
            # What is started meanwhile comes before what was seen.
            await it.send("go", '"later"')
            cursor = page.next_cursor
            if cursor is None:
                break

        assert (found, lengths) == (["6", "5", "4", "3", "2", "1", "0"], [3, 3, 1])
        (newest,) = (await it.platform.get_runs("go", take=1)).runs
        assert (newest.job_id, newest.tasks, newest.logs) == ("go", (), ())


async def test_a_listed_run_says_why_it_does_not_run(storage: Storage, app: ScriptedApp) -> None:
    async def naps(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 60)
        return Succeeded(None) if nap is None else Suspended((nap,))

    async with world(storage, app.job("naps", naps)) as it:
        await it.send("naps")
        await it.reach(await it.only_run(), RunStatus.WAITING_TO_CONTINUE)
        (run,) = (await it.platform.get_runs("naps")).runs
        assert run.why == "waits for wait 'nap' until 2030-01-01T00:01:00+00:00"


async def test_a_job_without_runs_and_one_that_nobody_knows_have_none(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        for job_id in ("go", "never"):
            page = await it.platform.get_runs(job_id)
            assert (page.runs, page.next_cursor) == ((), None)


@pytest.mark.parametrize(
    "arguments",
    [
        {"take": 0},
        {"take": 51},
        {"cursor": "run_1"},
        {"cursor": "-1"},
        {"cursor": ""},
        {"cursor": "9" * 30},
        {"cursor": "٣"},
    ],
)
async def test_a_page_of_runs_that_cannot_be_is_refused(
    storage: Storage, app: ScriptedApp, arguments: dict[str, Any]
) -> None:
    async with world(storage, app.job("go", ends)) as it:
        with pytest.raises(InvalidArgumentError):
            await it.platform.get_runs("go", **arguments)
