"""Branches: a run is suspended when all of them wait, never before, and with as few executions as possible."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import IO
from tests.scenarios.app import PATIENCE, SUSPENDS, App, all_tasks, task_of


async def gather(*calls: Any) -> list[Any]:
    return list(await asyncio.gather(*calls))


async def task_group(*calls: Any) -> list[Any]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]


async def create_then_await(*calls: Any) -> list[Any]:
    tasks = [asyncio.create_task(call) for call in calls]
    return [await task for task in tasks]


async def wait_all(*calls: Any) -> list[Any]:
    tasks = [asyncio.ensure_future(call) for call in calls]
    await asyncio.wait(tasks)
    return [task.result() for task in tasks]


async def wait_for_each(*calls: Any) -> list[Any]:
    return list(await asyncio.gather(*(asyncio.wait_for(call, 30) for call in calls)))


JOINS = [gather, task_group, create_then_await, wait_all, wait_for_each]


async def test_a_wait_that_ends_while_another_branch_works_needs_no_execution(app: App) -> None:
    entries: list[int] = []

    @app.job
    async def working(payload: Any, io: IO) -> str:
        entries.append(1)
        release = asyncio.Event()

        async def waiter() -> None:
            await io.wait("w", 0.02)
            await io.run_task("after", lambda: 1)
            release.set()

        async def body() -> str:
            await release.wait()
            return "worked"

        got, _ = await asyncio.gather(io.run_task("long", body), waiter())
        return got

    async with app.start():
        handle = await app.client.invoke(working)
        assert await handle.result(timeout=PATIENCE) == "worked"
        assert await app.executions(handle) == 1
    assert entries == [1]


async def test_a_wait_inside_a_task_body_resumes_the_body_and_its_finished_tasks_are_kept(app: App) -> None:
    log: list[str] = []

    @app.job
    async def nesting(payload: Any, io: IO) -> str:
        async def outer(task: Any, io: IO) -> str:
            log.append("outer")

            async def middle(task: Any, io: IO) -> str:
                log.append("middle")
                await io.run_task("before", lambda: log.append("before"))
                await io.wait("w", SUSPENDS)
                await io.run_task("after", lambda: log.append("after"))
                return "m"

            return "o" + await io.run_task("middle", middle)

        return await io.run_task("outer", outer)

    async with app.start():
        handle = await app.client.invoke(nesting)
        assert await handle.result(timeout=PATIENCE) == "om"
        assert await app.executions(handle) == 2
        run = await app.finish(handle)
    once = ["outer", "middle", "before"]
    again = ["outer", "middle"] if app.force_replay else []
    assert log == [*once, *again, "after"]
    assert task_of(run, "outer/middle/w").status == "COMPLETED"
    assert len(all_tasks(run)) == 5


async def test_branches_inside_a_task_body_wait_together(app: App) -> None:
    @app.job
    async def nesting(payload: Any, io: IO) -> list[Any]:
        async def outer(task: Any, io: IO) -> list[Any]:
            async def inner(task: Any, io: IO) -> str:
                await io.wait("w", SUSPENDS * 1.2)
                return "inner"

            return await gather(io.wait("w", SUSPENDS), io.run_task("inner", inner), io.parallel("p", [1, 2], item))

        async def item(value: int, index: int) -> int:
            await io.wait(["w", index], SUSPENDS * 1.4)
            return value

        return await gather(io.run_task("outer", outer), io.wait("top", SUSPENDS * 1.6))

    async with app.start():
        handle = await app.client.invoke(nesting)
        assert await handle.result(timeout=PATIENCE) == [[None, "inner", [1, 2]], None]
        # One for each wait that ends on its own, whatever the two in the block do.
        assert 2 <= await app.executions(handle) <= 6


async def test_branches_that_hand_over_to_each_other_get_through(app: App) -> None:
    """A semaphore, a queue and an event are no `io` calls; they only cost executions."""

    @app.job
    async def handing(payload: Any, io: IO) -> list[int]:
        slots, queue, first = asyncio.Semaphore(2), asyncio.Queue[int](), asyncio.Event()

        async def limited(number: int) -> None:
            async with slots:
                await io.wait(["w", number], 0.01)
                await queue.put(number)
                first.set()

        async def reader() -> list[int]:
            await first.wait()
            return sorted([await queue.get() for _ in range(5)])

        got, *_ = await asyncio.gather(reader(), *(limited(number) for number in range(5)))
        return got

    assert await app.result(handing) == [0, 1, 2, 3, 4]


async def test_as_completed_and_shield_get_through(app: App) -> None:
    @app.job
    async def completing(payload: Any, io: IO) -> list[str]:
        async def branch(name: str, seconds: float) -> str:
            await io.wait(name, seconds)
            return name

        calls = [branch("slow", 0.05), branch("quick", 0.01)]
        got = [await one for one in asyncio.as_completed(calls)]
        shielded = await asyncio.shield(asyncio.ensure_future(branch("shielded", 0.01)))
        return [*sorted(got), shielded]

    assert await app.result(completing) == ["quick", "slow", "shielded"]


@pytest.mark.parametrize("join", JOINS)
async def test_equal_waits_of_all_branches_cost_one_more_execution(app: App, join: Any) -> None:
    """Waits that are asked for together may be over together; they are never over before the last branch is parked."""

    @app.job
    async def joining(payload: Any, io: IO) -> list[str]:
        async def branch(name: str) -> str:
            first = await io.run_task(["first", name], lambda: f"{name}1")
            await io.wait(["w", name], SUSPENDS)
            return first + await io.run_task(["second", name], lambda: f"{name}2")

        return await join(branch("a"), branch("b"), branch("c"))

    async with app.start():
        handle = await app.client.invoke(joining)
        assert await handle.result(timeout=PATIENCE) == ["a1a2", "b1b2", "c1c2"]
        assert 2 <= await app.executions(handle) <= 4
        assert len(all_tasks(await app.finish(handle))) == 9


@pytest.mark.parametrize("join", JOINS)
async def test_different_waits_cost_one_execution_each(app: App, join: Any) -> None:
    entries: list[int] = []

    @app.job
    async def joining(payload: Any, io: IO) -> list[None]:
        entries.append(1)
        return await join(*(io.wait(["w", more], SUSPENDS * more) for more in (1, 1.2, 1.4)))

    async with app.start():
        handle = await app.client.invoke(joining)
        assert await handle.result(timeout=PATIENCE) == [None] * 3
        executions = await app.executions(handle)
    # Fewer if the machine was so slow that waits were over together.
    assert 2 <= executions <= 4
    assert len(entries) == (executions if app.force_replay else 1)


async def test_a_run_of_hundreds_of_tasks_replays(app: App) -> None:
    bodies: list[int] = []

    @app.job
    async def many(payload: Any, io: IO) -> int:
        total = 0
        for number in range(300):
            total += await io.run_task(["k", number], lambda number=number: bodies.append(number) or number)
            if number % 100 == 99:
                await io.wait(["w", number], 0.002)
        return total

    run = await app.run(many)
    assert run.output == sum(range(300))
    assert bodies == list(range(300))
