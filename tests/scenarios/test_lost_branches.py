"""Branches that fail, are cancelled or left early, and gathers that nobody awaits."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure import IO
from tests.scenarios.app import App, all_tasks, task_of


async def test_a_failing_branch_cancels_its_task_group_and_the_run_goes_on(app: App) -> None:
    """The wait that was cancelled rings later; it must not confuse what the run waits for then."""
    bodies: list[str] = []

    @app.job
    async def failing(payload: Any, io: IO) -> str:
        async def boom() -> None:
            bodies.append("boom")
            raise ValueError("boom")

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(io.wait("short", 0.03))
                group.create_task(io.run_task("boom", boom))
        except* ValueError:
            pass
        await io.run_task("between", lambda: bodies.append("between"))
        await io.wait("long", 0.1)
        return "done"

    run = await app.run(failing)
    assert (run.status, run.output) == ("SUCCESS", "done")
    assert bodies == ["boom", "between"]
    assert {task.key for task in all_tasks(run)} == {"short", "boom", "between", "long"}


async def test_a_branch_that_is_cancelled_while_parked_leaves_the_others_alone(app: App) -> None:
    @app.job
    async def cancelling(payload: Any, io: IO) -> str:
        loser = asyncio.create_task(io.wait("forever", 3600))
        await io.run_task("work", lambda: "worked")
        loser.cancel()
        try:
            await loser
        except asyncio.CancelledError:
            await io.wait("w", 0.02)
            return "went on"
        return "not cancelled"

    run = await app.run(cancelling)
    assert (run.status, run.output) == ("SUCCESS", "went on")


@pytest.mark.parametrize("turns", range(5))
async def test_a_branch_that_is_cancelled_while_it_stores_loses_nothing_that_others_count_on(
    app: App, turns: int
) -> None:
    @app.job
    async def cancelling(payload: Any, io: IO) -> int:
        async def outer(task: Any, io: IO) -> int:
            await io.logger.info("a line on its way")
            branch = asyncio.create_task(io.run_task("inner", lambda: 1, noop=True))
            for _ in range(turns):
                await asyncio.sleep(0)
            branch.cancel()
            await asyncio.wait([branch])
            await io.wait("w", 0.002)
            return 2

        return await io.run_task("outer", outer)

    run = await app.run(cancelling)
    assert (run.status, run.output, run.error) == ("SUCCESS", 2, None)
    assert {task.key for task in task_of(run, "outer").children} >= {"w"}
    assert [line.message for line in run.logs] == ["a line on its way"]


async def test_the_first_of_several_branches_wins(app: App) -> None:
    @app.job
    async def racing(payload: Any, io: IO) -> str:
        async def branch(name: str, seconds: float) -> str:
            await io.wait(name, seconds)
            return name

        tasks = [asyncio.create_task(branch("quick", 0.02)), asyncio.create_task(branch("slow", 3600))]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        winner = done.pop().result()
        await io.wait("after", 0.01)
        return winner

    run = await app.run(racing)
    assert (run.status, run.output) == ("SUCCESS", "quick")


async def test_an_async_generator_that_is_left_early_is_no_branch(app: App) -> None:
    closed: list[int] = []

    @app.job
    async def paging(payload: Any, io: IO) -> int:
        async def pages() -> AsyncIterator[int]:
            try:
                for number in range(10):
                    yield await io.run_task(["page", number], lambda number=number: number)
                    await io.wait(["pause", number], 0.002)
            finally:
                closed.append(1)

        async for page in pages():
            if page == 2:
                break
        return page

    run = await app.run(paging)
    gc.collect()
    assert (run.status, run.output) == ("SUCCESS", 2)
    assert closed


async def test_a_gather_that_nobody_awaits_yet_makes_no_noise_when_the_run_is_suspended(app: App) -> None:
    @app.job
    async def gathering(payload: Any, io: IO) -> list[Any]:
        later = asyncio.gather(io.wait("a", 0.02), io.wait("b", 0.02), io.run_task("c", lambda: "c"))
        shielded = asyncio.shield(asyncio.ensure_future(io.wait("d", 0.02)))
        await io.wait("e", 0.02)
        return [*await later, await shielded]

    run = await app.run(gathering)
    gc.collect()
    assert (run.status, run.output) == ("SUCCESS", [None, None, "c", None])
