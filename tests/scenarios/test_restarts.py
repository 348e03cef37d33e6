"""Stopping a node and starting another on the same database: every run goes on where it was."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure import IO, event_trigger
from tests.scenarios.app import PATIENCE, App, Gate, all_tasks, task_of


async def test_a_run_at_work_goes_on_after_its_last_stored_result(durable_app: App) -> None:
    gate, log = Gate(), list[str]()

    @durable_app.job
    async def stepping(payload: Any, io: IO) -> list[int]:
        results = [await io.run_task(["step", n], lambda n=n: log.append(f"step {n}") or n) for n in range(3)]
        await io.run_task("gate", gate)
        return [*results, await io.run_task("last", lambda: log.append("last") or 9)]

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(stepping)
        await gate.wait()
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", [0, 1, 2, 9])
    assert log == ["step 0", "step 1", "step 2", "last"]


async def test_stopping_waits_for_what_is_about_to_end(durable_app: App) -> None:
    gate = Gate()

    @durable_app.job
    async def ending(payload: Any, io: IO) -> str:
        async def body() -> str:
            gate.reached.set()
            await asyncio.sleep(0.05)
            return "in time"

        return await io.run_task("k", body)

    async with durable_app.start():
        handle = await durable_app.client.invoke(ending)
        await gate.wait()
    async with durable_app.start():
        run = await durable_app.look_up(handle.id)
    assert (run.status, run.output) == ("SUCCESS", "in time")


async def test_bodies_are_cancelled_and_finally_blocks_run_when_a_node_stops(durable_app: App) -> None:
    gate, log = Gate(), list[str]()

    @durable_app.job
    async def cleaning(payload: Any, io: IO) -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(io.run_task("gate", gate))
                group.create_task(io.wait("w", 3600 if not gate.is_open else 0))
        finally:
            log.append("finally")
        return "done"

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(cleaning)
        await gate.wait()
    assert log == ["finally"]
    async with durable_app.start():
        await durable_app.client.cancel_run(handle.id)


async def test_waits_that_end_while_no_node_runs_go_on_with_the_next_one(durable_app: App) -> None:
    log: list[str] = []

    @durable_app.job
    async def waiting(payload: Any, io: IO) -> str:
        await io.run_task("before", lambda: log.append("before"))
        await io.wait("w", 0.1)
        await io.run_task("after", lambda: log.append("after"))
        return "done"

    async with durable_app.start():
        handles = [await durable_app.client.invoke(waiting) for _ in range(5)]
    async with durable_app.start():
        runs = [await durable_app.finish(handle.id) for handle in handles]
    assert {(run.status, run.output) for run in runs} == {("SUCCESS", "done")}
    assert log.count("before") == log.count("after") == 5


async def test_waits_that_are_pending_are_due_when_they_were(durable_app: App) -> None:
    @durable_app.job
    async def waiting(payload: Any, io: IO) -> str:
        due = await io.now("now") + timedelta(seconds=1)
        await io.wait_until("w", due)
        return due.isoformat()

    async with durable_app.start():
        handle = await durable_app.client.invoke(waiting)
        await durable_app.reach(handle, "WAITING_TO_CONTINUE")
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert run.status == "SUCCESS"
    assert datetime.now(UTC) >= datetime.fromisoformat(run.output)
    assert task_of(run, "w").delay_until == datetime.fromisoformat(run.output)


async def test_events_that_are_due_later_outlive_a_restart(durable_app: App) -> None:
    heard = asyncio.Event()
    log: list[Any] = []

    @durable_app.job(trigger=event_trigger("later"))
    async def listening(payload: Any, io: IO) -> None:
        async def note() -> None:
            log.append(payload)
            heard.set()

        await io.run_task("note", note)

    async with durable_app.start():
        event = await durable_app.client.send_event(name="later", payload=1, deliver_after=0.1)
        assert event.delivered_at is None
    async with durable_app.start():
        await asyncio.wait_for(heard.wait(), PATIENCE)
    assert log == [1]


async def test_branches_and_nested_tasks_go_on_where_each_of_them_was(durable_app: App) -> None:
    gate, log = Gate(), list[str]()

    @durable_app.job
    async def branching(payload: Any, io: IO) -> list[Any]:
        async def outer(task: Any, io: IO) -> str:
            await io.run_task("first", lambda: log.append("first"))
            await io.run_task("gate", gate)
            return f"attempt {task.attempt}"

        async def item(value: int, index: int) -> int:
            await io.run_task(["item", index], lambda: log.append(f"item {index}"))
            await io.wait(["w", index], 0.01)
            return value

        return list(
            await asyncio.gather(
                io.run_task("outer", outer),
                io.parallel("p", [1, 2], item),
                io.run_task("quick", lambda: log.append("quick") or "quick"),
            )
        )

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(branching)
        await gate.wait()
        async with asyncio.timeout(PATIENCE):
            while len(log) < 4:
                run = await durable_app.look_up(handle.id)
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert run.status == "SUCCESS"
    assert run.output == ["attempt 1", [1, 2], "quick"]
    assert log.count("first") == 1
    assert len(all_tasks(run)) == 9


async def test_a_node_may_be_stopped_again_and_again(durable_app: App) -> None:
    """Every life gets one step further."""
    steps = 5
    gates = [Gate() for _ in range(steps)]
    log: list[int] = []

    @durable_app.job
    async def stepping(payload: Any, io: IO) -> int:
        for number, gate in enumerate(gates):
            await io.run_task(["before", number], lambda number=number: log.append(number))
            await io.run_task(["gate", number], gate)
        return sum(log)

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(stepping)
        await gates[0].wait()
    for number in range(1, steps):
        gates[number - 1].is_open = True
        async with durable_app.start_and_interrupt():
            await gates[number].wait()
    gates[-1].is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
        assert await durable_app.executions(handle.id) == steps + 1
    assert (run.status, run.output) == ("SUCCESS", 10)
    assert log == [0, 1, 2, 3, 4]


async def test_a_run_that_has_ended_is_looked_up_after_a_restart(durable_app: App) -> None:
    @durable_app.job
    async def quick(payload: Any, io: IO) -> str:
        await io.logger.info("line", {"n": 1})
        return await io.run_task("k", lambda: "done")

    async with durable_app.start():
        handle = await durable_app.client.invoke(quick)
        before = await durable_app.finish(handle)
    async with durable_app.start():
        assert await durable_app.look_up(handle.id) == before


async def test_the_way_of_running_may_change_with_a_restart(durable_app: App) -> None:
    gate = Gate()

    @durable_app.job
    async def mixed(payload: Any, io: IO) -> list[float]:
        first = await io.random("r")
        await io.wait("w", 0.05)
        await io.run_task("gate", gate)
        return [first, await io.random("r2")]

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(mixed)
        await gate.wait()
        before = await durable_app.look_up(handle.id)
    gate.is_open = True
    durable_app.force_replay = not durable_app.force_replay
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert run.status == "SUCCESS"
    assert run.output[0] == task_of(before, "r").output
