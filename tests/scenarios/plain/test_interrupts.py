"""Suspension and cancellation of code in threads: what it cleans up, and what it must not swallow."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest

from perdure import IO, SyncIO
from perdure.sdk.lane import Lane
from tests.scenarios.app import PATIENCE, SUSPENDS, App, all_tasks
from tests.scenarios.plain.threads import PlainGate


def line_of(mark: str) -> int:
    """The line of this file that ends in a mark."""
    lines = Path(__file__).read_text().splitlines()
    return 1 + next(at for at, line in enumerate(lines) if line.endswith(f"# {mark}"))


async def test_except_exception_never_catches_a_suspension_and_finally_blocks_run(app: App) -> None:
    seen: list[str] = []

    @app.job
    def careful(payload: Any, io: SyncIO) -> str:
        seen.append("entered")
        try:
            io.wait("w", SUSPENDS)
            return "arrived"
        except Exception as error:
            seen.append(repr(error))
            raise
        finally:
            seen.append("left")

    run = await app.run(careful)
    assert (run.output, run.warnings) == ("arrived", ())
    assert seen == ["entered", "left", "entered", "left"]


async def test_io_calls_in_a_finally_block_do_nothing_while_the_run_is_interrupted(app: App) -> None:
    bodies: list[str] = []

    @app.job
    def cleaning(payload: Any, io: SyncIO) -> str:
        try:
            io.wait("w", 0.01)
        finally:
            try:
                io.logger.info("cleaning up")
            finally:
                io.run_task("clean", lambda: bodies.append("clean"))
        return "done"

    run = await app.run(cleaning)
    assert (run.status, run.output, run.warnings) == ("SUCCESS", "done", ())
    assert bodies == ["clean"]
    assert [line.message for line in run.logs] == ["cleaning up"]


async def test_a_bare_except_around_a_wait_leaves_the_run_right_and_warns_where_it_is(app: App) -> None:
    bodies: list[str] = []

    @app.job
    def swallowing(payload: Any, io: SyncIO) -> str:
        try:
            io.wait("w", SUSPENDS)  # caught by a bare except
        except:  # noqa: E722 — what this test is about
            return "swallowed"
        return io.run_task("after", lambda: bodies.append("after") or "right")

    run = await app.run(swallowing)
    assert (run.status, run.output) == ("SUCCESS", "right")
    assert bodies == ["after"]
    (warning,) = run.warnings
    assert f"{__file__}:{line_of('caught by a bare except')}" in warning


async def test_code_that_goes_on_after_swallowing_an_interrupt_does_nothing_and_is_warned_of(app: App) -> None:
    bodies: list[str] = []

    @app.job
    def swallowing(payload: Any, io: SyncIO) -> str:
        with contextlib.suppress(BaseException):
            io.wait("w", SUSPENDS)  # suppressed
        return io.run_task("after", lambda: bodies.append("after") or "right")

    run = await app.run(swallowing)
    assert (run.status, run.output) == ("SUCCESS", "right")
    assert bodies == ["after"]
    (warning,) = run.warnings
    assert f"{__file__}:{line_of('suppressed')}" in warning


@pytest.mark.parametrize("kind", ["plain job", "async job"])
async def test_a_swallowed_interrupt_inside_a_body_records_no_result(app: App, kind: str) -> None:
    def body(task: Any, io: SyncIO) -> str:
        try:
            io.wait("w", SUSPENDS)
        except BaseException:
            return "wrong"
        return "right"

    @app.job
    def plain_job(payload: Any, io: SyncIO) -> str:
        return io.run_task("outer", body)

    @app.job
    async def async_job(payload: Any, io: IO) -> str:
        return await io.run_task("outer", body)

    run = await app.run(plain_job if kind == "plain job" else async_job)
    assert (run.status, run.output) == ("SUCCESS", "right")
    assert len(run.warnings) == 1


async def test_an_except_that_raises_something_else_leaves_the_run_right_and_warns(app: App) -> None:
    @app.job
    def translating(payload: Any, io: SyncIO) -> str:
        try:
            io.wait("w", SUSPENDS)
        except BaseException as error:
            raise RuntimeError("translated") from error
        return "right"

    run = await app.run(translating)
    assert (run.status, run.output) == ("SUCCESS", "right")
    assert len(run.warnings) == 1


async def test_a_thousand_calls_in_an_interrupted_execution_are_still_forgiven(app: App) -> None:
    @app.job
    def noisy(payload: Any, io: SyncIO) -> str:
        try:
            io.wait("w", 0.01)
        except BaseException:
            for _ in range(1000):
                with contextlib.suppress(BaseException):
                    io.logger.info("interrupted?")
            raise
        return "right"

    run = await app.run(noisy)
    assert (run.status, run.output, run.logs) == ("SUCCESS", "right", ())


async def test_code_that_never_lets_an_interrupt_pass_ends_its_run_and_loses_its_thread(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_MAX_THREADS", "1")
    tries: list[int] = []

    @app.job
    def stubborn(payload: Any, io: SyncIO) -> str:
        try:
            io.wait("w", SUSPENDS)
        except BaseException:
            while True:
                tries.append(1)
                with contextlib.suppress(BaseException):
                    io.run_task("again", lambda: 1)
        return "right"

    @app.job
    def quick(payload: Any, io: SyncIO) -> str:
        return io.run_task("k", lambda: "there is a thread again")

    async with app.start():
        run = await app.finish(await app.client.invoke(stubborn))
        assert run.status == "FAILURE"
        assert run.error is not None
        assert run.error.name == "SuspensionSwallowedError"
        assert __file__ in run.error.message
        assert len(tries) == 1001
        assert await (await app.client.invoke(quick)).result(timeout=PATIENCE) == "there is a thread again"
    assert len(tries) == 1001


async def test_every_thread_of_a_run_is_unwound_when_it_is_suspended(app: App) -> None:
    left: list[str] = []

    @app.job
    def waiting(payload: Any, io: SyncIO) -> str:
        def item(number: int, index: int) -> None:
            try:
                io.wait(["w", number], 0.05)
            finally:
                left.append(f"item {number}")

        try:
            io.parallel("p", [1, 2, 3], item)
        finally:
            left.append("job")
        return "done"

    async with app.start():
        handle = await app.client.invoke(waiting)
        assert await handle.result(timeout=PATIENCE) == "done"
        executions = await app.executions(handle)
    assert left.count("job") == executions
    assert left[:3] != left[3:6] or "job" in left[:4]
    assert left.index("job") == 3


# Cancelling.


async def test_a_thread_of_a_cancelled_run_goes_on_and_its_result_is_discarded(app: App) -> None:
    gates: list[PlainGate] = []
    log: list[str] = []
    left = threading.Event()

    @app.job
    def working(payload: Any, io: SyncIO) -> str:
        try:
            io.run_task("k", gates[0])
            log.append("stored")
            io.run_task("after", lambda: log.append("ran"))
            return "done"
        finally:
            left.set()

    async with app.start():
        gates.append(PlainGate())
        handle = await app.client.invoke(working)
        await gates[0].wait()
        cancelled = await app.client.cancel_run(handle.id)
        gates[0].open()
        assert await asyncio.to_thread(left.wait, PATIENCE)
        run = await app.look_up(handle.id)
    assert cancelled.status == run.status == "CANCELED"
    assert log == []
    assert [task.output for task in all_tasks(run)] in ([], [None])


async def test_a_thread_that_asks_for_something_in_the_moment_of_its_cancellation_leaves(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = threading.Event()
    begin_hop = Lane._begin_hop

    def begin_and_cancel(lane: Lane, work: Any) -> None:
        begin_hop(lane, work)
        lane.branch.task.cancel()

    @app.job
    def working(payload: Any, io: SyncIO) -> None:
        try:
            io.run_task("k", lambda: None)
        finally:
            left.set()

    async with app.start():
        monkeypatch.setattr(Lane, "_begin_hop", begin_and_cancel)
        handle = await app.client.invoke(working)
        assert await asyncio.to_thread(left.wait, PATIENCE)
        monkeypatch.undo()
        await app.client.cancel_run(handle.id)


async def test_an_async_body_of_a_cancelled_plain_job_is_cancelled(app: App) -> None:
    reached, log = asyncio.Event(), list[str]()
    left = threading.Event()

    async def body() -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            log.append("cancelled")

    @app.job
    def working(payload: Any, io: SyncIO) -> None:
        try:
            io.run_task("k", body)
        finally:
            log.append("left")
            left.set()

    async with app.start():
        handle = await app.client.invoke(working)
        await asyncio.wait_for(reached.wait(), PATIENCE)
        await handle.cancel()
        assert await asyncio.to_thread(left.wait, PATIENCE)
        assert await handle.status() == "CANCELED"
    assert log == ["cancelled", "left"]


async def test_a_run_that_is_cancelled_while_it_waits_for_a_thread_never_starts(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_MAX_THREADS", "1")
    gates: list[PlainGate] = []
    ran: list[str] = []

    @app.job
    def working(payload: str, io: SyncIO) -> None:
        ran.append(payload)
        io.run_task("k", gates[0])

    async with app.start():
        gates.append(PlainGate())
        first = await app.client.invoke(working, "first")
        await gates[0].wait()
        second = await app.client.invoke(working, "second")
        await app.reach(second, "EXECUTING")
        await second.cancel()
        third = await app.client.invoke(working, "third")
        gates[0].open()
        await first.result(timeout=PATIENCE)
        await third.result(timeout=PATIENCE)
    assert ran == ["first", "third"]


async def test_stopping_a_node_leaves_threads_to_themselves(durable_app: App) -> None:
    gates: list[PlainGate] = []
    left = threading.Event()
    log: list[str] = []

    @durable_app.job
    def working(payload: Any, io: SyncIO) -> str:
        try:
            got: str = io.run_task("k", gates[-1])
            log.append(got)
            return got
        finally:
            left.set()

    gates.append(PlainGate())
    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(working)
        await gates[0].wait()
    gates[0].open()
    assert await asyncio.to_thread(left.wait, PATIENCE)
    assert log == []
    gates.append(PlainGate())
    gates[-1].open()
    async with durable_app.start():
        assert (await durable_app.finish(handle.id)).output == "through"
