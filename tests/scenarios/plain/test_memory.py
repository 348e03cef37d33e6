"""What a process keeps of runs of plain code that need nothing of it any more."""

from __future__ import annotations

from collections import Counter
from typing import Any

from perdure import IO, SyncIO
from tests.scenarios.app import App
from tests.scenarios.test_memory import RUNS, Leftovers


async def test_plain_runs_that_have_ended_leave_nothing_in_memory(app: App) -> None:
    @app.job
    def ending(payload: Any, io: SyncIO) -> int:
        async def on_loop(task: Any, io: IO) -> int:
            return await io.run_task("inner", lambda: 1)

        def item(number: int, index: int) -> int:
            return io.run_task(["k", number], lambda: number)

        io.logger.info("begun")
        return io.run_task("a", on_loop) + sum(io.parallel("p", [1, 2, 3], item)) + io.run_task("t", len)

    leftovers = Leftovers()
    async with app.start():
        handles = [await app.client.invoke(ending) for _ in range(RUNS)]
        for handle in handles:
            run = await app.finish(handle)
            assert run.error is not None
            assert run.error.name == "TypeError"
        assert await leftovers.now() == Counter()


async def test_plain_runs_that_wait_leave_nothing_in_memory(app: App) -> None:
    @app.job
    def waiting(payload: Any, io: SyncIO) -> None:
        def item(number: int, index: int) -> None:
            try:
                io.wait(["w", number], 3600)
            finally:
                payload["left"] = number

        def body(task: Any, io: SyncIO) -> None:
            io.parallel("p", [1, 2, 3], item)

        io.run_task("outer", body)

    leftovers = Leftovers()
    async with app.start():
        handles = [await app.client.invoke(waiting, {"left": 0}) for _ in range(RUNS)]
        for handle in handles:
            await app.reach(handle, "WAITING_TO_CONTINUE")
        assert await leftovers.now() == Counter()


async def test_async_runs_whose_plain_bodies_wait_leave_nothing_in_memory(app: App) -> None:
    @app.job
    async def nesting(payload: Any, io: IO) -> None:
        def body(task: Any, io: SyncIO) -> None:
            io.wait("w", 3600)

        await io.run_task("outer", body)

    leftovers = Leftovers()
    async with app.start():
        handles = [await app.client.invoke(nesting) for _ in range(RUNS)]
        for handle in handles:
            await app.reach(handle, "WAITING_TO_CONTINUE")
        assert await leftovers.now() == Counter()
