"""`io.yield_execution` and `io.brb`: another execution begins, and falls through where this one ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import IO, SyncIO
from perdure.errors import AmbiguousCacheKeyError, InvalidArgumentError
from tests.scenarios.app import App


async def test_each_place_yields_once_whatever_its_key_is(app: App) -> None:
    entries: list[int] = []

    @app.job
    async def yielding(payload: Any, io: IO) -> str:
        entries.append(1)
        await io.yield_execution("text")
        await io.brb(["a", 1])
        for _ in range(2):
            await io.yield_execution()
        return await io.run_task("done", lambda: "done")

    run = await app.run(yielding)
    assert (run.status, run.output, len(entries)) == ("SUCCESS", "done", 5)


async def test_automatic_places_in_bodies_are_those_of_their_task(app: App) -> None:
    bodies: list[str] = []

    @app.job
    async def yielding(payload: Any, io: IO) -> list[str]:
        async def body(task: Any, io: IO) -> str:
            bodies.append(task.idempotency_key)
            await io.yield_execution()
            return "done"

        return [await io.run_task("one", body), await io.run_task("two", body)]

    run = await app.run(yielding)
    assert (run.status, run.output) == ("SUCCESS", ["done", "done"])
    assert len(bodies) == 4
    assert len(set(bodies)) == 2


async def test_plain_jobs_yield_too(app: App) -> None:
    entries: list[int] = []

    @app.job
    def yielding(payload: Any, io: SyncIO) -> str:
        entries.append(1)
        io.yield_execution()
        io.brb("named")
        return "done"

    run = await app.run(yielding)
    assert (run.status, run.output, len(entries)) == ("SUCCESS", "done", 3)


async def test_concurrent_branches_may_not_ask_for_automatic_places(app: App) -> None:
    @app.job
    async def racing(payload: Any, io: IO) -> str:
        branch = asyncio.create_task(io.yield_execution())
        await branch
        with pytest.raises(AmbiguousCacheKeyError):
            await io.yield_execution()
        return "refused"

    run = await app.run(racing)
    assert (run.status, run.output) == ("SUCCESS", "refused")


@pytest.mark.parametrize("key", [5, "", [], "x" * 513, [object()]])
async def test_what_is_no_key_is_refused(app: App, key: Any) -> None:
    @app.job
    async def yielding(payload: Any, io: IO) -> str:
        with pytest.raises(InvalidArgumentError):
            await io.yield_execution(key)
        return "refused"

    assert (await app.run(yielding)).output == "refused"
