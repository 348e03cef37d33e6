"""Branches: a run is suspended when all of them wait, never before, and with as few executions as possible."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from perdure import IO
from perdure.sdk import parking
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


async def test_a_branch_that_awaits_something_else_is_cut_and_executed_again(app: App) -> None:
    executions: list[int] = []
    cut: list[int] = []

    @app.job
    async def mixing(payload: Any, io: IO) -> str:
        executions.append(1)
        mine = len(executions)

        async def foreign() -> str:
            if mine == 1:
                try:
                    await asyncio.sleep(10)
                finally:
                    cut.append(mine)
            return f"execution {mine}"

        got, _ = await asyncio.gather(foreign(), io.wait("w", 0.25))
        return got

    async with app.start():
        handle = await app.client.invoke(mixing)
        assert await handle.result(timeout=PATIENCE) == "execution 2"
        assert await app.executions(handle) == 2
    assert cut == [1]


async def test_no_branch_is_cut_while_a_task_body_runs(app: App) -> None:
    executions: list[int] = []

    @app.job
    async def mixing(payload: Any, io: IO) -> list[str]:
        executions.append(1)
        slow_ended = asyncio.Event()

        async def foreign() -> str:
            await slow_ended.wait()
            return "foreign"

        async def slow() -> str:
            await asyncio.sleep(0.15)
            slow_ended.set()
            return "slow"

        _, *rest = await asyncio.gather(io.wait("w", 0.01), foreign(), io.run_task("slow", slow))
        return rest

    async with app.start():
        handle = await app.client.invoke(mixing)
        assert await handle.result(timeout=PATIENCE) == ["foreign", "slow"]
        assert await app.executions(handle) == 1
    assert executions == [1]


async def test_no_branch_is_cut_while_a_plain_task_body_runs_in_its_thread(app: App) -> None:
    executions: list[int] = []
    loop_ready = asyncio.Event()

    @app.job
    async def mixing(payload: Any, io: IO) -> list[str]:
        executions.append(1)
        loop = asyncio.get_running_loop()

        async def foreign() -> str:
            await loop_ready.wait()
            return "foreign"

        def slow() -> str:
            future = asyncio.run_coroutine_threadsafe(asyncio.sleep(0.12), loop)
            future.result()
            loop.call_soon_threadsafe(loop_ready.set)
            return "slow"

        _, *rest = await asyncio.gather(io.wait("w", 0.3), foreign(), io.run_task("slow", slow))
        return rest

    async with app.start():
        handle = await app.client.invoke(mixing)
        assert await handle.result(timeout=PATIENCE) == ["foreign", "slow"]
        assert await app.executions(handle) <= 2


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


async def test_hundreds_of_branches_wait_together(app: App) -> None:
    @app.job
    async def many(payload: Any, io: IO) -> int:
        async def branch(number: int) -> int:
            await io.wait(["w", number], 0.5)
            return number

        return sum(await asyncio.gather(*(branch(number) for number in range(300))))

    async with app.start():
        handle = await app.client.invoke(many)
        assert await handle.result(timeout=PATIENCE) == sum(range(300))


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


async def test_a_branch_that_awaits_something_else_for_a_moment_is_not_cut(app: App) -> None:
    entries: list[int] = []

    @app.job
    async def mixing(payload: Any, io: IO) -> str:
        entries.append(1)

        async def foreign() -> str:
            await asyncio.sleep(0.01)
            return await io.run_task("k", lambda: "quick")

        got, _ = await asyncio.gather(foreign(), io.wait("w", SUSPENDS))
        return got

    async with app.start():
        handle = await app.client.invoke(mixing)
        assert await handle.result(timeout=PATIENCE) == "quick"
        assert await app.executions(handle) == 2
    assert len(entries) == (2 if app.force_replay else 1)


async def test_a_branch_is_not_cut_right_after_a_call_that_took_long(app: App) -> None:
    """The run is quiet for a while only after the call has ended."""

    @app.job
    async def mixing(payload: Any, io: IO) -> None:
        async def caller() -> None:
            for number in range(3):
                await io.run_task(["slow", number], lambda: asyncio.sleep(0.06))
                await asyncio.sleep(0.001)

        await asyncio.gather(caller(), io.wait("w", 3600))

    async with app.start():
        handle = await app.client.invoke(mixing)
        run = await app.reach(handle, "WAITING_TO_CONTINUE")
        await handle.cancel()
    assert sorted(task.key or "" for task in run.tasks) == ["slow-0", "slow-1", "slow-2", "w"]


async def test_a_branch_that_makes_io_calls_all_the_time_is_not_cut(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of quiet is counted from the last call of any branch."""
    # Longer than a busy machine takes from one call to the next.
    monkeypatch.setattr(parking, "QUIET_SECONDS", 0.4)
    entries: list[int] = []

    @app.job
    async def mixing(payload: Any, io: IO) -> int:
        entries.append(1)
        ticks = 0

        async def caller() -> None:
            nonlocal ticks
            for tick in range(12):
                await asyncio.sleep(0.04)
                await io.run_task(["tick", tick], lambda: 1)
                ticks += 1

        async def sleeper() -> None:
            if len(entries) == 1:
                await asyncio.sleep(0.6)

        await asyncio.gather(caller(), sleeper(), io.wait("w", 3600))
        return ticks

    async with app.start():
        handle = await app.client.invoke(mixing)
        await app.reach(handle, "WAITING_TO_CONTINUE")
        assert entries == [1]
        run = await app.look_up(handle.id)
        await handle.cancel()
    assert len(all_tasks(run)) == 13


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


async def test_a_parallel_block_that_is_given_up_goes_on_where_it_was(app: App) -> None:
    bodies: list[int] = []

    @app.job
    async def insisting(payload: Any, io: IO) -> list[int]:
        gate = asyncio.Event()

        async def item(value: int, index: int) -> int:
            async def body() -> int:
                bodies.append(value)
                return value * 2

            got = await io.run_task(["item", index], body)
            if index == 1 and not gate.is_set():
                await gate.wait()
            return got

        try:
            return await asyncio.wait_for(io.parallel("p", [1, 2, 3], item), 0.03)
        except TimeoutError:
            gate.set()
            return await io.parallel("p", [1, 2, 3], item)

    async with app.start():
        handle = await app.client.invoke(insisting)
        assert await handle.result(timeout=PATIENCE) == [2, 4, 6]
        assert await app.executions(handle) == 1
        assert len(all_tasks(await app.finish(handle))) == 4
    assert sorted(bodies) == [1, 2, 3]


async def test_parallel_blocks_may_be_nested_and_empty(app: App) -> None:
    @app.job
    async def nesting(payload: Any, io: IO) -> list[Any]:
        async def row(cells: list[int], index: int) -> list[int]:
            async def cell(value: int, at: int) -> int:
                await io.wait(seconds=0.002 * value)
                return await io.run_task(fn=lambda: value * 10, name="cell")

            return await io.parallel(items=cells, fn=cell)

        return [await io.parallel("grid", [[1, 2], [], [3]], row), await io.parallel("none", [], row)]

    run = await app.run(nesting)
    assert (run.status, run.output) == ("SUCCESS", [[[10, 20], [], [30]], []])


async def test_results_of_a_parallel_block_are_typed_by_its_function(app: App) -> None:
    seen: list[Any] = []

    @app.job
    async def typing(payload: Any, io: IO) -> None:
        seen.append(await io.parallel("p", [1, 2], january))
        await io.wait("w", SUSPENDS)

    run = await app.run(typing)
    assert run.status == "SUCCESS"
    assert seen == [[date(2024, 1, 1), date(2024, 1, 2)]] * (2 if app.force_replay else 1)


async def january(day: int, index: int) -> date:
    return date(2024, 1, day)


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
