"""Waits of plain jobs: nothing is held meanwhile, and the run goes on where it was."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, SyncIO
from perdure.errors import WaitTimeoutError
from tests.scenarios.app import PATIENCE, SUSPENDS, App, Gate, all_tasks, task_of
from tests.scenarios.plain.threads import PlainGate


def threads_of_jobs() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name.startswith("perdure-job")}


async def test_a_run_that_waits_holds_no_thread_and_replays(app: App) -> None:
    entries: list[int] = []

    @app.job
    def waiting(payload: Any, io: SyncIO) -> str:
        entries.append(1)
        before = io.now("before")
        io.wait("w", SUSPENDS)
        assert io.now("after") - before >= timedelta(seconds=SUSPENDS)
        io.wait_until("past", datetime(2000, 1, 1, tzinfo=UTC))
        return "woken"

    async with app.start():
        handle = await app.client.invoke(waiting)
        assert await handle.result(timeout=PATIENCE) == "woken"
        assert await app.executions(handle) == 2
    # Kept or not: a thread that waits would be worth more than a replay costs.
    assert len(entries) == 2


async def test_hundreds_of_runs_wait_at_once_with_a_few_threads(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_MAX_THREADS", "8")

    @app.job
    def waiting(payload: Any, io: SyncIO) -> int:
        number: int = io.run_task("n", lambda: payload)
        io.wait_for_event("go", name="go")
        return number

    before = threads_of_jobs()
    async with app.start():
        handles = [await app.client.invoke(waiting, number) for number in range(200)]
        for handle in handles:
            await app.reach(handle, "WAITING_TO_CONTINUE")
        assert len(threads_of_jobs() - before) <= 8
        await app.client.send_event(name="go")
        assert [await handle.result(timeout=PATIENCE) for handle in handles] == list(range(200))


async def test_waits_that_end_together_cost_one_execution_and_others_one_each(app: App) -> None:
    @app.job
    def waiting(payload: list[float], io: SyncIO) -> int:
        begun = io.now("begun")
        ends = [begun + timedelta(seconds=seconds) for seconds in payload]
        io.parallel("p", ends, lambda at, index: io.wait_until(["w", index], at))
        return len(payload)

    async with app.start():
        for seconds, executions in (([0.1] * 5, 2), ([0.05, 0.25, 0.45], 4)):
            handle = await app.client.invoke(waiting, seconds)
            assert await handle.result(timeout=PATIENCE) == len(seconds)
            # A machine that is busy meets several of them at once.
            assert await app.executions(handle) <= executions


async def test_a_wait_that_ends_while_another_thread_is_at_work_goes_on_at_once(app: App) -> None:
    gates: list[PlainGate] = []

    @app.job
    def mixing(payload: Any, io: SyncIO) -> list[Any]:
        def item(what: str, index: int) -> Any:
            if what == "work":
                return io.run_task("work", gates[0])
            io.wait("w", 0.02)
            return io.run_task("after", lambda: gates[0].open())

        return io.parallel("p", ["wait", "work"], item)

    async with app.start():
        gates.append(PlainGate())
        handle = await app.client.invoke(mixing)
        assert await handle.result(timeout=PATIENCE) == [None, "through"]
        assert await app.executions(handle) == 1


async def test_the_code_of_a_thread_is_at_work_however_long_it_takes(app: App) -> None:
    """Nobody can tell whether it computes or waits; a branch of async code that awaits something else would be cut."""
    entries: list[int] = []

    @app.job
    def mixing(payload: Any, io: SyncIO) -> list[Any]:
        entries.append(1)

        def item(what: str, index: int) -> Any:
            if what == "wait":
                return io.wait("w", 0.05)
            threading.Event().wait(0.2)
            return io.run_task("after", lambda: "worked")

        return io.parallel("p", ["wait", "work"], item)

    run = await app.run(mixing)
    assert run.output == [None, "worked"]
    assert entries == [1]


async def test_a_run_at_work_goes_on_after_its_last_result_when_its_process_has_gone(durable_app: App) -> None:
    gate, log = Gate(), list[str]()

    @durable_app.job
    def stepping(payload: Any, io: SyncIO) -> list[Any]:
        results: list[Any] = [io.run_task(["step", n], lambda n=n: log.append(f"step {n}") or n) for n in range(3)]
        io.run_task("gate", gate)
        return [*results, io.run_task("last", lambda: log.append("last") or 9)]

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(stepping)
        await gate.wait()
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", [0, 1, 2, 9])
    assert log == ["step 0", "step 1", "step 2", "last"]


async def test_waits_and_items_outlive_a_restart(durable_app: App) -> None:
    log: list[str] = []

    @durable_app.job
    def waiting(payload: Any, io: SyncIO) -> list[str]:
        def item(number: int, index: int) -> str:
            io.run_task(["before", number], lambda: log.append(f"before {number}"))
            io.wait_for_event(["w", number], name="go")
            return io.run_task(["after", number], lambda: log.append(f"after {number}") or f"done {number}")

        return io.parallel("p", [1, 2, 3], item)

    async with durable_app.start():
        handle = await durable_app.client.invoke(waiting)
        await durable_app.reach(handle, "WAITING_TO_CONTINUE")
    async with durable_app.start():
        await durable_app.client.send_event(name="go")
        run = await durable_app.finish(handle.id)
    assert run.output == ["done 1", "done 2", "done 3"]
    assert sorted(log) == sorted(f"{when} {number}" for when in ("before", "after") for number in (1, 2, 3))
    assert len(all_tasks(run)) == 10


async def test_a_plain_body_that_waits_keeps_no_async_run_in_memory(app: App) -> None:
    """A kept run would keep the body's thread, too."""
    entries: list[int] = []

    @app.job
    async def nesting(payload: Any, io: IO) -> str:
        entries.append(1)

        def body(task: Any, io: SyncIO) -> str:
            io.wait("w", SUSPENDS)
            return "done"

        return await io.run_task("k", body)

    run = await app.run(nesting)
    assert run.output == "done"
    assert len(entries) == 2


async def test_a_plain_job_waits_for_events_and_requests(app: App) -> None:
    urls: list[str] = []

    @app.job
    def asking(payload: Any, io: SyncIO) -> list[Any]:
        body = io.wait_for_request("request", urls.append, timeout=60)
        event = io.wait_for_event("event", name="answer", timeout=60)
        called = io.run_task("callback", lambda task: urls.append(task.callback_url), callback=60)
        try:
            io.wait_for_event("never", name="never", timeout=0.02)
        except WaitTimeoutError as error:
            return [body, event.payload, called, type(error).__name__]
        return []

    async with app.start():
        handle = await app.client.invoke(asking)
        await app.reach(handle, "WAITING_TO_CONTINUE")
        await asyncio.to_thread(post, urls[0], {"n": 1})
        await reach_task(app, handle.id, "event")
        await app.client.send_event(name="answer", payload={"n": 2})
        await reach_task(app, handle.id, "callback")
        await app.reach(handle, "WAITING_TO_CONTINUE")
        await asyncio.to_thread(post, urls[1], {"n": 3})
        assert await handle.result(timeout=PATIENCE) == [{"n": 1}, {"n": 2}, {"n": 3}, "WaitTimeoutError"]
        run = await app.look_up(handle.id)
    assert len(urls) == 2
    assert task_of(run, "request/callback").status == "COMPLETED"


def post(url: str, body: Any) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        assert response.status == 200


async def reach_task(app: App, run_id: str, key: str) -> None:
    """Wait until a task of the run waits."""
    async with asyncio.timeout(PATIENCE):
        while True:
            run = await app.look_up(run_id)
            if any(task.key == key and task.status == "WAITING" for task in run.tasks):
                return
            await asyncio.sleep(0)


async def test_yielding_ends_the_execution_and_falls_through_in_the_next(app: App) -> None:
    entries: list[int] = []

    @app.job
    def yielding(payload: Any, io: SyncIO) -> str:
        entries.append(1)
        io.logger.info("before")
        io.yield_execution("here")
        io.brb("and here")
        return "done"

    run = await app.run(yielding)
    assert run.output == "done"
    assert len(entries) == 3
    assert [line.message for line in run.logs] == ["before"]
