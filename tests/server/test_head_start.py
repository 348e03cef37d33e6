"""Code whose first two parts are done without a task is otherwise like any other."""

from __future__ import annotations

import asyncio

import pytest

from perdure.server.head_start import start_now


async def test_the_first_part_is_done_at_once_the_second_when_it_can_be_and_the_rest_as_a_task() -> None:
    said: list[str] = []
    tasks: list[asyncio.Task[None]] = []
    loop = asyncio.get_running_loop()
    first: asyncio.Future[str] = loop.create_future()

    async def work() -> None:
        said.append("begun")
        said.append(await first)
        await asyncio.sleep(0)
        said.append("done")

    start_now(loop, work(), tasks.append)
    assert said == ["begun"]
    first.set_result("went on")
    await asyncio.sleep(0)
    assert said == ["begun", "went on"]
    (task,) = tasks
    await task
    assert said == ["begun", "went on", "done"]


@pytest.mark.parametrize("waits", [0, 1])
async def test_what_waits_once_at_most_needs_no_task(waits: int) -> None:
    done: list[str] = []
    tasks: list[asyncio.Task[None]] = []
    loop = asyncio.get_running_loop()
    first: asyncio.Future[None] = loop.create_future()

    async def work() -> None:
        if waits:
            await first
        done.append("done")

    start_now(loop, work(), tasks.append)
    first.set_result(None)
    await asyncio.sleep(0)
    assert (done, tasks) == (["done"], [])


async def test_what_waits_for_no_future_is_a_task_at_once() -> None:
    done: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append("done")

    start_now(asyncio.get_running_loop(), work(), tasks.append)
    (task,) = tasks
    await task
    assert done == ["done"]


async def test_errors_and_cancellations_reach_it() -> None:
    met: list[BaseException] = []
    tasks: list[asyncio.Task[None]] = []
    loop = asyncio.get_running_loop()

    async def work(*waited: asyncio.Future[None]) -> None:
        for one in waited:
            try:
                await one
            except BaseException as error:
                met.append(error)

    futures: list[asyncio.Future[None]] = [loop.create_future() for _ in range(4)]
    start_now(loop, work(*futures), tasks.append)
    futures[0].set_exception(ValueError("first"))
    await asyncio.sleep(0)
    futures[1].set_exception(ValueError("second"))
    await asyncio.sleep(0)
    futures[2].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks[0].cancel()
    await tasks[0]
    assert [type(one) for one in met] == [ValueError, ValueError, asyncio.CancelledError, asyncio.CancelledError]
