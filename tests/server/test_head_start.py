"""A task whose first part is done before it is made, is otherwise like any other."""

from __future__ import annotations

import asyncio

import pytest

from perdure.server.head_start import start_now


async def test_the_first_part_is_done_at_once_and_the_rest_in_its_turns() -> None:
    said: list[str] = []
    first: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        said.append("begun")
        said.append(await first)
        await asyncio.sleep(0)
        said.append("done")

    task = start_now(asyncio.get_running_loop(), work())
    assert said == ["begun"]
    first.set_result("went on")
    assert task is not None
    await task
    assert said == ["begun", "went on", "done"]


async def test_what_waits_for_nothing_needs_no_task() -> None:
    async def work() -> None:
        pass

    assert start_now(asyncio.get_running_loop(), work()) is None


async def test_errors_and_cancellations_reach_it() -> None:
    met: list[BaseException] = []

    async def work(waited: asyncio.Future[None]) -> None:
        try:
            await waited
        except BaseException as error:
            met.append(error)
            raise

    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    task = start_now(loop, work(failed))
    failed.set_exception(ValueError("no"))
    assert task is not None
    with pytest.raises(ValueError, match="no"):
        await task
    cancelled = start_now(loop, work(loop.create_future()))
    assert cancelled is not None
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert [type(one) for one in met] == [ValueError, asyncio.CancelledError]
