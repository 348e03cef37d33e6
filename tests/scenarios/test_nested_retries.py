"""Retries of tasks inside each other: what an inner failure does to the outer task, and what is not done again."""

from __future__ import annotations

import asyncio
from typing import Any

from perdure import IO
from tests.scenarios.app import App, all_tasks, task_of
from tests.scenarios.errors import PaymentDeclined, QuotaExceeded
from tests.scenarios.retries import AT_ONCE


async def test_a_task_that_failed_for_good_inside_is_no_reason_to_try_the_outer_one_again(app: App) -> None:
    outer: list[int] = []
    inner: list[int] = []

    @app.job
    async def nesting(payload: Any, io: IO) -> str:
        async def middle(task: Any, io: IO) -> None:
            async def body() -> None:
                inner.append(1)
                raise QuotaExceeded(5, 4)

            await io.run_task("inner", body)

        async def body(task: Any, io: IO) -> None:
            outer.append(task.attempt)
            await io.run_task("middle", middle, retry=AT_ONCE)

        try:
            await io.run_task("outer", body, retry=AT_ONCE)
        except QuotaExceeded as error:
            await io.wait("gate", 0.005)
            return str(error)
        return "no error"

    run = await app.run(nesting)
    assert run.output == "5 of 4 used"
    assert (outer, inner) == ([1], [1])
    assert task_of(run, "outer").attempts == 1


async def test_an_outer_task_that_turns_the_error_into_its_own_is_tried_again(app: App) -> None:
    outer: list[int] = []

    @app.job
    async def nesting(payload: Any, io: IO) -> str:
        async def inner() -> None:
            raise QuotaExceeded(5, 4)

        async def body(task: Any, io: IO) -> None:
            outer.append(task.attempt)
            try:
                await io.run_task("inner", inner)
            except QuotaExceeded as error:
                raise PaymentDeclined("translated") from error

        try:
            await io.run_task("outer", body, retry={"limit": 2, "min_timeout": 0.001})
        except PaymentDeclined as error:
            return str(error)
        return "no error"

    assert await app.result(nesting) == "translated"
    assert sorted(set(outer)) == [1, 2]


async def test_a_task_inside_a_parallel_block_is_retried_by_itself(app: App) -> None:
    runs: list[int] = []

    @app.job
    async def fanning(payload: Any, io: IO) -> list[int]:
        async def item(value: int, index: int) -> int:
            def body(task: Any) -> int:
                runs.append(index)
                if task.attempt <= index:
                    raise PaymentDeclined("not yet")
                return value + task.attempt

            return await io.run_task(["item", index], body, retry=AT_ONCE)

        return await io.parallel("p", [10, 20, 30], item)

    run = await app.run(fanning)
    assert (run.status, run.output) == ("SUCCESS", [11, 22, 33])
    assert sorted(runs) == [0, 1, 1, 2, 2, 2]


async def test_tasks_inside_a_retried_body_are_not_run_again(app: App) -> None:
    inner: list[int] = []
    outer: list[int] = []

    @app.job
    async def retrying(payload: Any, io: IO) -> str:
        async def body(task: Any, io: IO) -> str:
            outer.append(task.attempt)
            got = await io.run_task("inner", lambda: inner.append(1) or "kept")
            await io.wait("pause", 0.05)
            if task.attempt < 3:
                raise PaymentDeclined("not yet")
            return got

        return await io.run_task("outer", body, retry=AT_ONCE)

    run = await app.run(retrying)
    assert (run.status, run.output) == ("SUCCESS", "kept")
    assert inner == [1]
    assert sorted(set(outer)) == [1, 2, 3]
    if not app.force_replay:
        assert outer == [1, 2, 3]
    assert len(all_tasks(run)) == 3


async def test_an_outer_task_is_not_tried_again_for_inner_failures_that_came_in_a_group(app: App) -> None:
    outer: list[int] = []

    @app.job
    async def nesting(payload: Any, io: IO) -> str:
        async def inner() -> None:
            raise QuotaExceeded(5, 4)

        async def body(task: Any, io: IO) -> None:
            outer.append(task.attempt)
            async with asyncio.TaskGroup() as group:
                group.create_task(io.run_task("inner", inner))
                group.create_task(io.run_task("other", lambda: 1))

        try:
            await io.run_task("outer", body, retry=AT_ONCE)
        except Exception as error:
            return type(error).__name__
        return "no error"

    run = await app.run(nesting)
    assert run.status == "SUCCESS"
    assert outer == [1]
