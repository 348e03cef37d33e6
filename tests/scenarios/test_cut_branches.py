"""Branches that await something else than `io`: when they are cut, and when they are not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import IO
from perdure.sdk import parking
from tests.scenarios.app import PATIENCE, SUSPENDS, App, all_tasks


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
