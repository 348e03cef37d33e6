"""What a process keeps of runs that need nothing of it any more."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from typing import Any

from perdure import IO
from perdure.sdk.execution import Execution
from perdure.sdk.interrupts import Interrupt
from perdure.sdk.io.attempts import Attempts
from perdure.sdk.scope import OpenTask, Scope
from tests.scenarios.app import App
from tests.scenarios.remote import MOMENTS

RUNS = 20


class Leftovers:
    """What there is of ended executions, besides what was there before."""

    def __init__(self) -> None:
        gc.collect()
        # What there is now is looked at no more: after thousands of tests that takes seconds.
        gc.freeze()
        self._before = _count()

    async def now(self) -> Counter[str]:
        """Count, once what is about to end in the next moments has."""
        for _ in range(MOMENTS):
            await asyncio.sleep(0)
            found = _count() - self._before
            if not found:
                break
        return found


def _count() -> Counter[str]:
    gc.collect()
    kinds = (Execution, Interrupt, Scope, Attempts)
    return Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, kinds))


async def test_runs_that_have_failed_leave_nothing_in_memory(app: App) -> None:
    @app.job
    async def failing(payload: Any, io: IO) -> None:
        async def outer(task: Any, io: IO) -> None:
            await io.run_task("inner", lambda: 1 // payload["zero"])

        await io.run_task("outer", outer)

    leftovers = Leftovers()
    async with app.start():
        handles = [await app.client.invoke(failing, {"zero": 0}) for _ in range(RUNS)]
        for handle in handles:
            assert (await app.finish(handle)).status == "FAILURE"
        assert await leftovers.now() == Counter()


async def test_runs_that_wait_for_long_leave_nothing_in_memory(app: App) -> None:
    @app.job
    async def waiting(payload: Any, io: IO) -> None:
        async def branch(name: str) -> None:
            try:
                await io.wait(name, 3600)
            finally:
                payload["left"] = name

        await asyncio.gather(branch("a"), branch("b"))

    leftovers = Leftovers()
    async with app.start():
        handles = [await app.client.invoke(waiting, {"left": None}) for _ in range(RUNS)]
        for handle in handles:
            await app.reach(handle, "WAITING_TO_CONTINUE")
        assert await leftovers.now() == Counter()


async def test_runs_that_wait_after_a_failure_leave_nothing_in_memory(app: App) -> None:
    @app.job
    async def recovering(payload: Any, io: IO) -> None:
        async def outer(task: Any, io: IO) -> None:
            def inner() -> None:
                raise ValueError("inner")

            await io.run_task("inner", inner)

        try:
            await io.run_task("outer", outer)
        except ValueError:
            await io.wait("long", 3600)

    leftovers = Leftovers()
    async with app.start():
        handles = [await app.client.invoke(recovering) for _ in range(RUNS)]
        for handle in handles:
            await app.reach(handle, "WAITING_TO_CONTINUE")
        assert await leftovers.now() == Counter()


def test_tasks_at_work_are_no_burden_to_the_collector() -> None:
    """Thousands of them may be in memory at once; none can be part of a cycle."""
    assert not gc.is_tracked(OpenTask("t", "k", None, "run_task", "n", None, None, None, None, None, False, 1, False))  # type: ignore[arg-type]
