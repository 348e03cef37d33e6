"""The threads of plain code: how many there are, who waits for whom, and who may not use `io`."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from perdure import IO, SyncIO, current
from perdure.errors import InvalidArgumentError, SyncInAsyncError
from perdure.sdk import crossing, program
from perdure.sdk.lane import SLOW_SECONDS
from tests.scenarios.app import PATIENCE, App, all_tasks
from tests.scenarios.plain.threads import PlainGate, name_of_thread


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread for jobs, and one for bodies."""
    monkeypatch.setenv("PERDURE_MAX_THREADS", "1")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a thread choose")
async def test_threads_of_a_crowd_are_courteous_but_not_while_they_run_code_that_takes_long(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossing, "CROWD", 0)
    monkeypatch.setattr(crossing, "PATIENCE_SECONDS", PATIENCE)

    def policy() -> int:
        return os.sched_getscheduler(0)

    def dawdle() -> None:
        until = time.perf_counter() + 2 * SLOW_SECONDS
        while time.perf_counter() < until:
            pass

    @app.job
    def crowded(payload: Any, io: SyncIO) -> list[int]:
        io.run_task("a", lambda: None)
        between = policy()
        io.run_task("b", dawdle)
        return [between, io.run_task("c", policy), policy()]

    async with app.start():
        handle = await app.client.invoke(crowded)
        courteous, usual = os.SCHED_BATCH, os.SCHED_OTHER
        assert await handle.result(timeout=PATIENCE) == [courteous, usual, courteous]


@pytest.mark.usefixtures("one_thread")
async def test_runs_take_turns_when_there_are_more_of_them_than_threads(app: App) -> None:
    at_once: list[int] = [0, 0]

    @app.job
    def counting(payload: int, io: SyncIO) -> int:
        at_once[0] += 1
        at_once[1] = max(at_once)
        got = io.run_task("k", lambda: payload)
        at_once[0] -= 1
        io.wait("w", 0.002)
        return got

    async with app.start():
        handles = [await app.client.invoke(counting, number) for number in range(30)]
        assert [await handle.result(timeout=PATIENCE) for handle in handles] == list(range(30))
    assert at_once == [0, 1]


@pytest.mark.usefixtures("one_thread")
async def test_a_run_that_gets_no_thread_in_time_makes_room_and_comes_back(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "PATIENCE", 0.05)
    monkeypatch.setenv("PERDURE_MAX_EXECUTIONS", "2")
    gates: list[PlainGate] = []

    @app.job
    def blocking(payload: Any, io: SyncIO) -> str:
        return io.run_task("k", gates[0])

    @app.job
    def queueing(payload: Any, io: SyncIO) -> str:
        return io.run_task("k", lambda: "had its turn")

    @app.job
    async def unrelated(payload: Any, io: IO) -> str:
        return await io.run_task("k", lambda: "went on")

    async with app.start():
        gates.append(PlainGate())
        first = await app.client.invoke(blocking)
        await gates[0].wait()
        second = await app.client.invoke(queueing)
        # Both places are taken; the second run gives its place back, and says why it is not running.
        third = await app.client.invoke(unrelated)
        assert await third.result(timeout=PATIENCE) == "went on"
        found = await app.says(second, "1 jobs that are plain functions are at work")
        assert found.status == "WAITING_TO_EXECUTE"
        gates[0].open()
        assert await second.result(timeout=PATIENCE) == "had its turn"
        assert await first.result(timeout=PATIENCE) == "through"


@pytest.mark.usefixtures("one_thread")
async def test_code_that_holds_threads_never_waits_for_them(app: App) -> None:
    """Each of these needs a thread while the one thread of its kind waits for it."""

    @app.job
    def plain_job(payload: Any, io: SyncIO) -> list[Any]:
        return io.run_task("a", async_body)

    @app.job
    async def async_job(payload: Any, io: IO) -> Any:
        return await io.run_task("p", plain_body)

    def plain_body(task: Any, io: SyncIO) -> list[Any]:
        return io.run_task("a", async_body)

    async def async_body(task: Any, io: IO) -> list[Any]:
        async def inner(task: Any, io: IO) -> str:
            return await io.run_task("leaf", name_of_thread)

        return [
            *(await asyncio.gather(*(io.run_task(["leaf", n], name_of_thread) for n in range(3)))),
            await io.run_task("inner", inner),
            await io.run_task("with io", plain_with_io),
        ]

    def plain_with_io(task: Any, io: SyncIO) -> list[str]:
        async def deeper(task: Any, io: IO) -> str:
            return await io.run_task("deepest", name_of_thread)

        return [io.run_task("deeper", deeper), *io.parallel("p", [1, 2], lambda item, index: name_of_thread())]

    async with app.start():
        handles = [await app.client.invoke(job) for job in (plain_job, async_job) for _ in range(4)]
        for handle in handles:
            run = await app.finish(handle)
            assert run.status == "SUCCESS"
            assert len(all_tasks(run)) >= 10


@pytest.mark.usefixtures("one_thread")
async def test_a_body_with_a_time_out_that_gets_no_thread_times_out(app: App) -> None:
    gates: list[PlainGate] = []

    @app.job
    async def holding(payload: Any, io: IO) -> str:
        return await io.run_task("k", gates[0])

    @app.job
    def timing(payload: Any, io: SyncIO) -> str:
        try:
            return io.run_task("k", lambda: "in time", timeout=0.05)
        except TimeoutError as error:
            return type(error).__name__

    async with app.start():
        gates.append(PlainGate())
        holder = await app.client.invoke(holding)
        await gates[0].wait()
        timed = await app.client.invoke(timing)
        assert await timed.result(timeout=PATIENCE) == "TaskTimeoutError"
        gates[0].open()
        await holder.result(timeout=PATIENCE)
        again = await app.client.invoke(timing)
        assert await again.result(timeout=PATIENCE) == "in time"


async def test_the_library_is_refused_in_threads_that_the_job_starts_itself(app: App) -> None:
    @app.job
    def threading_by_itself(payload: Any, io: SyncIO) -> list[str]:
        def use() -> str:
            try:
                io.run_task("k", lambda: 1)
            except InvalidArgumentError as error:
                return error.message
            return "worked"

        with ThreadPoolExecutor(1) as pool:
            calls = [pool.submit(use), pool.submit(lambda: io.logger.info("line"))]
            return [calls[0].result(), type(calls[1].exception()).__name__]

    run = await app.run(threading_by_itself)
    assert "io.parallel" in run.output[0]
    assert run.output[1] == "InvalidArgumentError"
    assert all_tasks(run) == []


async def test_the_library_that_blocks_is_refused_on_the_event_loop(app: App) -> None:
    refused: list[str] = []

    @app.job
    def mixing(payload: Any, io: SyncIO) -> str:
        async def body() -> str:
            try:
                io.wait("w", 1)
            except SyncInAsyncError as error:
                refused.append(error.message)
            return await current().io.run_task("k", lambda: "awaited")

        return io.run_task("outer", body)

    run = await app.run(mixing)
    assert run.output == "awaited"
    (message,) = refused
    assert "perdure.current().io" in message


async def test_the_library_of_another_run_is_refused(app: App) -> None:
    kept: list[SyncIO] = []

    @app.job
    def keeping(payload: Any, io: SyncIO) -> str:
        kept.append(io)
        try:
            kept[0].run_task("k", lambda: 1)
        except InvalidArgumentError as error:
            return error.message
        return "its own"

    async with app.start():
        first = await app.client.invoke(keeping)
        assert await first.result(timeout=PATIENCE) == "its own"
        second = await app.client.invoke(keeping)
        assert "another run" in await second.result(timeout=PATIENCE)
        assert len((await app.look_up(second.id)).tasks) == 0


async def test_the_library_is_refused_after_its_run(app: App) -> None:
    kept: list[SyncIO] = []

    @app.job
    def keeping(payload: Any, io: SyncIO) -> None:
        kept.append(io)

    await app.run(keeping)
    with pytest.raises(SyncInAsyncError):
        kept[0].run_task("k", lambda: 1)
    with pytest.raises(InvalidArgumentError):
        await asyncio.to_thread(kept[0].logger.info, "line")


async def test_idle_threads_end_with_their_node(app: App) -> None:
    before = set(threading.enumerate())

    @app.job
    def quick(payload: int, io: SyncIO) -> int:
        return sum(io.parallel("p", [1, 2, 3], lambda item, index: io.run_task(["k", item], lambda: item)))

    async with app.start():
        handles = [await app.client.invoke(quick, 1) for _ in range(5)]
        assert [await handle.result(timeout=PATIENCE) for handle in handles] == [6] * 5
        ours = {
            one for one in set(threading.enumerate()) - before if one.name.startswith(("perdure-job", "perdure-item"))
        }
        assert ours
    for thread in ours:
        await asyncio.to_thread(thread.join, PATIENCE)
        assert not thread.is_alive()


async def test_the_threads_of_a_background_node_run_plain_jobs(app: App) -> None:
    @app.job
    def doubling(payload: int, io: SyncIO) -> int:
        io.wait("w", 0.005)
        return io.run_task("k", lambda: 2 * payload)

    def use() -> int:
        with app.start_background():
            answer: int = app.client.sync.invoke(doubling, 4).result(timeout=PATIENCE)
            return answer

    assert await asyncio.to_thread(use) == 8
