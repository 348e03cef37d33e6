"""Suspended runs that are kept in memory: how many, how long, and what is left of a run when it has ended."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from perdure import IO
from perdure.errors import StorageFullError
from perdure.sdk import leftovers
from tests.scenarios.app import PATIENCE, SUSPENDS, App, all_tasks
from tests.scenarios.remote import MOMENTS


async def test_runs_beyond_those_that_are_kept_replay(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "HELD_LIMIT", 2)
    entries: list[int] = []

    @app.job
    async def waiting(payload: Any, io: IO) -> int:
        entries.append(payload)
        first = await io.run_task("first", lambda: payload)
        await io.wait("w", SUSPENDS)
        return first + await io.run_task("second", lambda: payload)

    async with app.start():
        handles = [await app.client.invoke(waiting, number) for number in range(6)]
        assert [await handle.result(timeout=PATIENCE) for handle in handles] == [0, 2, 4, 6, 8, 10]
    # Fewer replay if the machine was so slow that the first ones had ended.
    assert len(entries) in (range(12, 13) if app.force_replay else range(7, 11))


async def test_a_run_that_waits_longer_than_it_is_kept_replays(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "HELD_SECONDS", 0.01)
    entries: list[int] = []

    @app.job
    async def waiting(payload: Any, io: IO) -> str:
        entries.append(1)
        await io.wait("short", SUSPENDS)
        await io.wait("long", SUSPENDS)
        return "done"

    run = await app.run(waiting)
    assert (run.status, run.output) == ("SUCCESS", "done")
    assert len(entries) in ((3,) if app.force_replay else (2, 3))


async def test_nothing_of_a_run_is_held_when_it_has_ended(app: App) -> None:
    held: list[weakref.ref[Any]] = []

    class Local:
        """What a job's frame holds."""

    @app.job
    async def holding(payload: Any, io: IO) -> str:
        local = Local()
        held.append(weakref.ref(local))

        async def branch(number: int) -> None:
            mine = Local()
            held.append(weakref.ref(mine))
            await io.wait(["w", number], 0.002)

        async def body(task: Any, io: IO) -> None:
            mine = Local()
            held.append(weakref.ref(mine))
            await io.wait("inner", 0.002)

        await asyncio.gather(branch(1), branch(2), io.run_task("k", body))
        if payload == "fail":
            raise LookupError(local)
        return "done"

    async with app.start():
        for payload in ("succeed", "fail"):
            handle = await app.client.invoke(holding, payload)
            await app.finish(handle)
        cancelled = await app.client.invoke(holding, "succeed")
        await cancelled.cancel()
        await asyncio.sleep(0)
        marker = await app.client.invoke(holding, "succeed")
        await marker.result(timeout=PATIENCE)
        assert await _alive(held) == 0
    assert held


async def test_no_run_is_held_by_a_node_that_has_stopped(app: App) -> None:
    held: list[weakref.ref[Any]] = []
    log: list[str] = []

    class Local:
        """What a job's frame holds."""

    @app.job
    async def sleeping(payload: Any, io: IO) -> None:
        local = Local()
        held.append(weakref.ref(local))
        try:
            await io.wait("w", 30)
        finally:
            log.append("left")

    async with app.start():
        for _ in range(5):
            await app.reach(await app.client.invoke(sleeping), "WAITING_TO_CONTINUE")
    assert await _alive(held) == 0
    assert log == ["left"] * 5


async def test_a_result_that_cannot_be_stored_is_made_again(app: App) -> None:
    """The disk is full for a moment: nothing is lost, nothing is recorded twice, the run only takes longer."""
    bodies: list[str] = []

    @app.job
    async def storing(payload: Any, io: IO) -> list[str]:
        first = await io.run_task("first", lambda: bodies.append("first") or "first")
        second = await io.run_task("second", lambda: bodies.append("second") or "second")
        await io.wait("w", 0.005)
        return [first, second]

    async with app.start() as node:
        platform = node.platform
        record, refusals = platform.record_task, [StorageFullError()]

        async def refuse_once(run_id: str, epoch: int, task: Any) -> None:
            if refusals and task.display_key == "second":
                raise refusals.pop()
            await record(run_id, epoch, task)

        platform.record_task = refuse_once  # type: ignore[method-assign]
        handle = await app.client.invoke(storing)
        run = await app.finish(handle)
    assert (run.status, run.output) == ("SUCCESS", ["first", "second"])
    assert bodies == ["first", "second", "second"]
    assert len(all_tasks(run)) == 3


async def _alive(held: list[weakref.ref[Any]]) -> int:
    """How many are still there, once what is about to end in the next moments has."""
    for _ in range(MOMENTS):
        await asyncio.sleep(0)
        gc.collect()
        if not any(one() is not None for one in held):
            break
    return sum(one() is not None for one in held)
