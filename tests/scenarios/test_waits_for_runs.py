"""Waits for runs beside other branches, when their parent is cancelled, and across a restart."""

from __future__ import annotations

import asyncio
from typing import Any

from perdure import IO
from tests.scenarios.app import PATIENCE, App, Gate


async def test_a_run_that_has_ended_lets_its_branch_go_on_while_another_works(app: App) -> None:
    release = asyncio.Event()

    @app.job
    async def child(payload: Any) -> int:
        return 1

    @app.job
    async def parent(payload: Any, io: IO) -> list[Any]:
        async def asks() -> int:
            got = await io.invoke_and_wait("k", child, idempotency_key="one")
            release.set()
            return got

        async def works() -> str:
            await release.wait()
            return "worked"

        return await asyncio.gather(asks(), io.run_task("work", works))

    async with app.start():
        await (await app.client.invoke(child, idempotency_key="one")).result(timeout=PATIENCE)
        assert await (await app.client.invoke(parent)).result(timeout=PATIENCE) == [1, "worked"]


async def test_several_branches_wait_for_runs_at_once(app: App) -> None:
    @app.job
    async def child(payload: Any, io: IO) -> int:
        await io.wait("w", payload["n"] / 100)
        return payload["n"]

    @app.job
    async def parent(payload: Any, io: IO) -> list[int]:
        return await asyncio.gather(*(io.invoke_and_wait(["k", n], child, {"n": n}) for n in (3, 1, 2)))

    assert await app.result(parent) == [3, 1, 2]


async def test_a_job_may_invoke_itself(app: App) -> None:
    @app.job
    async def factorial(payload: dict[str, int], io: IO) -> int:
        n = payload["n"]
        return 1 if n < 2 else n * await io.invoke_and_wait("k", "factorial", {"n": n - 1})

    assert await app.result(factorial, {"n": 6}) == 720


async def test_runs_go_on_when_their_parent_is_cancelled(app: App) -> None:
    @app.job
    async def child(payload: Any, io: IO) -> str:
        await io.wait("w", 0.05)
        return "done"

    @app.job
    async def parent(payload: Any, io: IO) -> None:
        await io.invoke_and_wait("k", child, idempotency_key="one")

    async with app.start():
        handle = await app.client.invoke(parent)
        await app.reach(handle, "WAITING_TO_CONTINUE")
        await handle.cancel()
        again = await app.client.invoke(child, idempotency_key="one")
        assert await again.result(timeout=PATIENCE) == "done"
        assert await handle.status() == "CANCELED"


async def test_a_parent_goes_on_after_a_restart_when_its_run_has_ended(durable_app: App) -> None:
    app, gate = durable_app, Gate()

    def declare(app: App) -> Any:
        @app.job
        async def child(payload: Any, io: IO) -> int:
            await io.run_task("gate", gate)
            return 7

        @app.job
        async def parent(payload: Any, io: IO) -> int:
            return await io.invoke_and_wait("k", child)

        return parent

    parent = declare(app)
    async with app.start_and_interrupt():
        handle = await app.client.invoke(parent)
        await gate.wait()
        await app.reach(handle, "WAITING_TO_CONTINUE")
    gate.is_open = True
    after = app.successor()
    declare(after)
    async with after.start():
        assert (await after.finish(handle.id)).output == 7
