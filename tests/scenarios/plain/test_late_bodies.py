"""Plain and async bodies of plain jobs that take too long."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from perdure import SyncIO
from perdure.errors import TaskTimeoutError
from tests.scenarios.app import PATIENCE, App, all_tasks, task_of
from tests.scenarios.plain.kinds import Kind, as_async, kinds
from tests.scenarios.plain.threads import PlainGate, name_of_thread
from tests.scenarios.retries import AT_ONCE


async def test_a_plain_body_that_takes_too_long_is_left_behind_and_its_thread_goes_on(app: App) -> None:
    gates: list[PlainGate] = []
    kinds_of_threads: list[str] = []

    @app.job
    def slow(payload: Any, io: SyncIO) -> str:
        def body(task: Any) -> str:
            kinds_of_threads.append(name_of_thread())
            if task.attempt == 1:
                return gates[0]()
            return "second attempt"

        return io.run_task("k", body, timeout=0.05, retry=AT_ONCE)

    async with app.start():
        gates.append(PlainGate())
        handle = await app.client.invoke(slow)
        assert await handle.result(timeout=PATIENCE) == "second attempt"
        gates[0].open()
    assert kinds_of_threads == ["perdure-body", "perdure-body"]


@kinds
async def test_the_last_attempt_that_takes_too_long_raises_a_time_out(app: App, kind: Kind) -> None:
    gates: list[PlainGate] = []

    async def forever(task: Any) -> None:
        await asyncio.Event().wait()

    @app.job
    def slow(payload: Any, io: SyncIO) -> str:
        body = forever if kind is as_async else lambda task: gates[0]()
        try:
            io.run_task("k", body, timeout=0.02)
        except TaskTimeoutError as error:
            caught = error.message
        io.wait("w", 0.002)
        return caught

    async with app.start():
        gates.append(PlainGate())
        run = await app.finish(await app.client.invoke(slow))
        gates[0].open()
    assert "took longer than its timeout of 0.02 s" in run.output
    assert task_of(run, "k").status == "ERRORED"


async def test_time_parked_in_an_attempt_is_left_out_of_its_time_out(app: App) -> None:
    @app.job
    def parked(payload: Any, io: SyncIO) -> str:
        def body(task: Any, io: SyncIO) -> str:
            io.wait("w", 0.2)
            return f"attempt {task.attempt}"

        def item(number: int, index: int) -> str:
            return io.run_task(["body", number], body, timeout=0.15)

        # The second one is at work all the time, so that the run is not suspended.
        return io.parallel("p", [1, 2], lambda n, i: item(n, i) if n == 1 else io.run_task("busy", busy))[0]

    def busy() -> str:
        threading.Event().wait(0.3)
        return "busy"

    run = await app.run(parked)
    assert (run.status, run.output) == ("SUCCESS", "attempt 1")


async def test_what_a_body_asks_for_after_its_time_out_is_refused(app: App) -> None:
    gates: list[PlainGate] = []
    ended: list[str] = []
    left = threading.Event()

    @app.job
    def slow(payload: Any, io: SyncIO) -> str:
        def body(task: Any, io: SyncIO) -> None:
            try:
                gates[0]()
                io.run_task("too late", lambda: ended.append("ran"))
                ended.append("went on")
            finally:
                left.set()

        try:
            io.run_task("k", body, timeout=0.02)
        except TaskTimeoutError:
            return "timed out"
        return "in time"

    async with app.start():
        gates.append(PlainGate())
        run = await app.finish(await app.client.invoke(slow))
        gates[0].open()
        assert await asyncio.to_thread(left.wait, PATIENCE)
    assert run.output == "timed out"
    assert ended == []
    assert [task.key for task in all_tasks(run)] == ["k"]
