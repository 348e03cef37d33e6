"""`io` belongs to the code of its run: other code that uses it is told so, and disturbs nothing."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from perdure import IO
from perdure.errors import InvalidArgumentError, NotInRunError, RunError
from tests.scenarios.app import PATIENCE, App, all_tasks, task_of


async def test_the_io_of_another_run_is_refused(app: App) -> None:
    kept: dict[str, IO] = {}
    reached, opened = asyncio.Event(), asyncio.Event()

    @app.job
    async def ended(payload: Any, io: IO) -> None:
        kept["ended"] = io

    @app.job
    async def waiting(payload: Any, io: IO) -> str:
        kept["waiting"] = io
        return (await io.wait_for_event("w", name="go on")).name

    @app.job
    async def working(payload: Any, io: IO) -> str:
        async def body() -> None:
            reached.set()
            await opened.wait()

        kept["working"] = io
        await io.run_task("body", body)
        return "undisturbed"

    @app.job
    async def borrowing(payload: Any, io: IO) -> list[str]:
        seen: list[str] = []
        for other in ("ended", "waiting", "working"):
            with pytest.raises(RunError) as caught:
                await kept[other].run_task("k", lambda: 1)
            seen.append(type(caught.value).__name__)
        return seen

    async with app.start():
        await app.finish(await app.client.invoke(ended))
        others = [await app.client.invoke(working), await app.client.invoke(waiting)]
        await reached.wait()
        await app.reach(others[1], "WAITING_TO_CONTINUE")
        for other in ("ended", "waiting"):
            with pytest.raises(NotInRunError):
                await kept[other].wait("w", 1)
        borrower = await app.client.invoke(borrowing)
        assert await borrower.result(timeout=PATIENCE) == ["NotInRunError", "NotInRunError", "InvalidArgumentError"]
        opened.set()
        await app.client.send_event(name="go on")
        assert [await one.result(timeout=PATIENCE) for one in others] == ["undisturbed", "go on"]
        assert await app.executions(others[1]) == 2
        assert [task.key for task in (await app.look_up(others[0].id)).tasks] == ["body"]


async def test_io_is_refused_on_another_event_loop(app: App) -> None:
    @app.job
    async def elsewhere(payload: Any, io: IO) -> str:
        async def ask() -> int:
            return await io.run_task("k", lambda: 1)

        with pytest.raises(InvalidArgumentError, match="event loop"):
            await asyncio.to_thread(lambda: asyncio.run(ask()))
        return await io.run_task("here", lambda: "here")

    run = await app.run(elsewhere)
    assert (run.status, run.output) == ("SUCCESS", "here")
    assert task_of(run, "here").status == "COMPLETED"


async def test_io_is_refused_on_another_event_loop_while_a_branch_of_its_run_is_at_work(app: App) -> None:
    @app.job
    async def elsewhere(payload: Any, io: IO) -> str:
        async def ask() -> int:
            return await io.run_task("k", lambda: 1)

        with ThreadPoolExecutor(1) as pool:
            # Waited for on the event loop: what that is at meanwhile is this branch.
            refusal = pool.submit(lambda: asyncio.run(ask())).exception(PATIENCE)
        assert isinstance(refusal, InvalidArgumentError)
        assert "event loop" in refusal.message
        return await io.run_task("here", lambda: "here")

    run = await app.run(elsewhere)
    assert (run.status, run.output) == ("SUCCESS", "here"), run.error
    assert [task.key for task in all_tasks(run)] == ["here"]
