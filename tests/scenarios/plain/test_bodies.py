"""Bodies of plain jobs inside each other, in every mixture."""

from __future__ import annotations

import asyncio
from typing import Any

from perdure import IO, SyncIO
from tests.scenarios.app import App, all_tasks, task_of
from tests.scenarios.errors import PaymentDeclined
from tests.scenarios.plain.threads import name_of_thread
from tests.scenarios.retries import AT_ONCE


async def test_bodies_ask_for_tasks_of_their_own_in_every_mixture(app: App) -> None:
    @app.job
    def mixing(payload: Any, io: SyncIO) -> list[Any]:
        def plain_in_async(task: Any, io: SyncIO) -> str:
            io.wait("w", 0.002)
            return io.run_task("leaf", lambda: "plain in async")

        async def async_in_plain(task: Any, io: IO) -> str:
            await io.wait("w", 0.002)
            return await io.run_task("deeper", plain_in_async)

        def plain_in_plain(task: Any, io: SyncIO) -> list[str]:
            io.wait("w", 0.002)
            return [io.run_task("leaf", lambda: "plain in plain"), io.run_task("deeper", async_in_plain)]

        return [io.run_task("plain", plain_in_plain), io.run_task("async", async_in_plain)]

    run = await app.run(mixing)
    assert run.output == [["plain in plain", "plain in async"], "plain in async"]
    assert task_of(run, "plain/deeper/deeper/leaf").output == "plain in async"
    assert len(all_tasks(run)) == 13


async def test_a_plain_body_of_an_async_job_gets_a_library_that_blocks(app: App) -> None:
    @app.job
    async def mixing(payload: Any, io: IO) -> list[Any]:
        def body(task: Any, io: SyncIO) -> list[Any]:
            io.logger.info("in a thread")
            first = io.run_task("first", lambda: 1)
            io.wait("w", 0.005)
            return [first, io.run_task("second", lambda: 2), name_of_thread()]

        return list(await asyncio.gather(io.run_task("a", body), io.run_task("b", body)))

    run = await app.run(mixing)
    assert run.output == [[1, 2, "perdure-body"]] * 2
    assert task_of(run, "a/second").output == 2
    assert [line.message for line in run.logs] == ["in a thread"] * 2


async def test_a_plain_body_that_gives_a_coroutine_has_it_run_on_the_loop(app: App) -> None:
    async def inner() -> str:
        await asyncio.sleep(0)
        return name_of_thread()

    @app.job
    def wrapping(payload: Any, io: SyncIO) -> list[str]:
        async def body(task: Any, io: IO) -> str:
            return await io.run_task("inner", lambda: inner())

        return [
            io.run_task("plain", lambda: inner()),
            io.run_task("with options", lambda: inner(), timeout=5),
            io.run_task("async", body),
        ]

    run = await app.run(wrapping)
    assert run.output == ["loop", "loop", "loop"]


async def test_a_retried_body_finds_the_tasks_that_it_has_done(app: App) -> None:
    ran: list[str] = []

    @app.job
    def retrying(payload: Any, io: SyncIO) -> str:
        def outer(task: Any, io: SyncIO) -> str:
            io.run_task("inner", lambda: ran.append("inner"))
            io.wait("w", 0.001)
            if task.attempt < 3:
                raise PaymentDeclined("again")
            return "done"

        return io.run_task("outer", outer, retry=AT_ONCE)

    run = await app.run(retrying)
    assert (run.status, run.output) == ("SUCCESS", "done")
    assert ran == ["inner"]
