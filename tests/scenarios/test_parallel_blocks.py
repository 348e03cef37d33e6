"""Blocks of many branches: given up, nested, empty, and of hundreds."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

from perdure import IO
from tests.scenarios.app import PATIENCE, SUSPENDS, App, all_tasks


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
