"""Cancelling a run: its code is stopped, nothing of it is stored from then on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from perdure import IO
from perdure.errors import InvokedRunFailedError
from tests.scenarios.app import PATIENCE, App, Gate, all_tasks, task_of


async def test_a_body_at_work_is_cancelled_and_its_task_closed(app: App) -> None:
    gate = Gate()
    log: list[str] = []

    @app.job
    async def working(payload: Any, io: IO) -> None:
        async def body() -> None:
            try:
                await gate()
            except asyncio.CancelledError:
                log.append("cancelled")
                raise
            finally:
                log.append("finally")

        await io.run_task("done", lambda: 1)
        await io.run_task("k", body)
        log.append("went on")

    async with app.start():
        handle = await app.client.invoke(working)
        await gate.wait()
        run = await app.client.cancel_run(handle.id)
        assert run.status == "CANCELED"
        with pytest.raises(InvokedRunFailedError) as caught:
            await handle.result(timeout=PATIENCE)
        assert caught.value.status == "CANCELED"
    assert log == ["cancelled", "finally"]
    assert run.completed_at is not None
    assert [task.status for task in run.tasks if task.key == "done"] == ["COMPLETED"]


async def test_a_run_that_waits_is_cancelled_and_never_goes_on(app: App) -> None:
    log: list[str] = []

    @app.job
    async def waiting(payload: Any, io: IO) -> None:
        try:
            await io.wait("w", payload)
            log.append("went on")
        finally:
            log.append("finally")

    async with app.start():
        handle = await app.client.invoke(waiting, 1)
        await app.reach(handle, "WAITING_TO_CONTINUE")
        await handle.cancel()
        assert await handle.status() == "CANCELED"
        # The wait's time passes; a run that is started afterwards ends after it.
        marker = await app.client.invoke(waiting, 1.1)
        await marker.result(timeout=PATIENCE)
        run = await app.look_up(handle.id)
    assert run.status == "CANCELED"
    assert task_of(run, "w").status == "CANCELED"
    assert log.count("went on") == 1
    assert log.count("finally") == (3 if app.force_replay else 2)


async def test_code_that_does_not_care_about_being_cancelled_stores_nothing(app: App) -> None:
    gate = Gate()
    log: list[str] = []

    @app.job
    async def stubborn(payload: Any, io: IO) -> str:
        async def body() -> str:
            with contextlib.suppress(asyncio.CancelledError):
                await gate()
            return "result"

        got = await io.run_task("k", body)
        log.append("went on")
        await io.run_task("k2", lambda: log.append("ran"))
        await io.logger.info("logged")
        return got

    async with app.start():
        handle = await app.client.invoke(stubborn)
        await gate.wait()
        await app.client.cancel_run(handle.id)
        run = await app.look_up(handle.id)
        assert run.status == "CANCELED"
    assert "ran" not in log
    assert [task.output for task in all_tasks(run)] in ([], [None])
    assert run.output is None
    assert run.logs == ()


async def test_a_node_may_stop_before_the_code_of_a_cancelled_run_has_ended(app: App) -> None:
    """What it gives counts no more, so that it can be stored no longer is no error."""
    gate, may_end = Gate(), asyncio.Event()
    left: list[asyncio.Task[Any]] = []

    async def lingering() -> None:
        left.extend(task for task in [asyncio.current_task()] if task is not None)
        with contextlib.suppress(asyncio.CancelledError):
            await gate()
        while not may_end.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await may_end.wait()

    @app.job
    async def working(payload: Any, io: IO) -> None:
        await io.run_task("k", lingering)

    async with app.start():
        handle = await app.client.invoke(working)
        await gate.wait()
        await app.client.cancel_run(handle.id)
    assert left
    assert not any(task.done() for task in left)
    may_end.set()
    await asyncio.wait(left, timeout=PATIENCE)


async def test_a_body_in_a_thread_goes_on_and_its_result_is_discarded(app: App) -> None:
    gate, ended = Gate(), asyncio.Event()
    may_end = threading.Event()

    @app.job
    async def working(payload: Any, io: IO) -> None:
        loop = asyncio.get_running_loop()

        def body() -> str:
            loop.call_soon_threadsafe(gate.reached.set)
            may_end.wait(timeout=PATIENCE)
            loop.call_soon_threadsafe(ended.set)
            return "too late"

        await io.run_task("k", body)

    async with app.start():
        handle = await app.client.invoke(working)
        await gate.wait()
        await app.client.cancel_run(handle.id)
        may_end.set()
        await asyncio.wait_for(ended.wait(), PATIENCE)
        run = await app.look_up(handle.id)
    assert run.status == "CANCELED"
    assert [task.output for task in all_tasks(run)] in ([], [None])


async def test_a_run_that_has_ended_stays_as_it_is(app: App) -> None:
    @app.job
    async def quick(payload: Any) -> str:
        return "done"

    async with app.start():
        handle = await app.client.invoke(quick)
        assert await handle.result(timeout=PATIENCE) == "done"
        run = await app.client.cancel_run(handle.id)
        assert (run.status, run.output) == ("SUCCESS", "done")
        await handle.cancel()
        assert await handle.status() == "SUCCESS"


async def test_a_run_may_cancel_itself_in_a_task(app: App) -> None:
    log: list[str] = []

    @app.job
    async def suicidal(payload: Any, io: IO, ctx: Any) -> str:
        async def body() -> str:
            await app.client.cancel_run(ctx.run.id)
            return "cancelled"

        await io.run_task("k", body)
        log.append("went on")
        return "done"

    async with app.start():
        handle = await app.client.invoke(suicidal)
        run = await app.finish(handle)
    assert run.status == "CANCELED"
    assert log == []


async def test_all_branches_of_a_cancelled_run_are_stopped(app: App) -> None:
    gates = [Gate() for _ in range(3)]
    log: list[str] = []

    @app.job
    async def branching(payload: Any, io: IO) -> None:
        async def branch(number: int) -> None:
            try:
                await io.run_task(["k", number], gates[number])
            finally:
                log.append(f"finally {number}")

        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(branch(number))
            group.create_task(io.wait("w", 3600))

    async with app.start():
        handle = await app.client.invoke(branching)
        for gate in gates:
            await gate.wait()
        await app.client.cancel_run(handle.id)
        run = await app.look_up(handle.id)
    assert run.status == "CANCELED"
    assert sorted(log) == ["finally 0", "finally 1", "finally 2"]
    assert {task.status for task in all_tasks(run)} <= {"CANCELED"}


async def test_a_retry_that_is_due_later_is_cancelled_with_its_run(app: App) -> None:
    attempts: list[int] = []

    @app.job
    async def retrying(payload: Any, io: IO) -> None:
        def body(task: Any) -> None:
            attempts.append(task.attempt)
            raise LookupError

        await io.run_task("k", body, retry={"limit": 5, "min_timeout": 3600, "max_timeout": 3600})

    async with app.start():
        handle = await app.client.invoke(retrying)
        await app.reach(handle, "WAITING_TO_CONTINUE")
        await app.client.cancel_run(handle.id)
        run = await app.look_up(handle.id)
    assert (run.status, attempts) == ("CANCELED", [1])
    assert task_of(run, "k").status == "CANCELED"


async def test_whoever_waits_for_a_run_is_told_at_once_that_it_was_cancelled(app: App) -> None:
    gate = Gate()

    @app.job
    async def working(payload: Any, io: IO) -> None:
        await io.run_task("k", gate)

    async with app.start():
        handle = await app.client.invoke(working)
        before = asyncio.create_task(handle.result())
        await gate.wait()
        await handle.cancel()
        for waiting in (before, handle.result()):
            with pytest.raises(InvokedRunFailedError):
                await asyncio.wait_for(waiting, 0.5)
