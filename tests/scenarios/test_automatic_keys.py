"""Automatic keys: the operation, its name, and how many of that name came before it in the enclosing task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, Event
from perdure.errors import AmbiguousCacheKeyError, CacheKeyMismatchError
from tests.scenarios.app import PATIENCE, App, Gate, all_tasks


async def load() -> int:
    return 7


async def test_calls_without_a_key_are_told_apart_by_their_order(app: App) -> None:
    bodies: list[int] = []

    async def count() -> int:
        bodies.append(len(bodies))
        return bodies[-1]

    @app.job
    async def counting(payload: Any, io: IO) -> list[int]:
        first = await io.run_task(fn=count)
        await io.wait(seconds=0.01)
        second = await io.run_task(fn=count)
        await io.wait(seconds=0.02)
        return [first, second, await io.run_task(fn=count)]

    run = await app.run(counting)
    assert run.output == [0, 1, 2]
    assert bodies == [0, 1, 2]
    assert len(all_tasks(run)) == 5


async def test_automatic_keys_count_anew_inside_each_task(app: App) -> None:
    async def outer(task: Any, io: IO) -> list[int]:
        first = await io.run_task(fn=load)
        await io.wait(seconds=0.01)
        return [first, await io.run_task(fn=load)]

    @app.job
    async def nesting(payload: Any, io: IO) -> list[list[int]]:
        return [await io.run_task("one", outer), await io.run_task("two", outer), [await io.run_task(fn=load)]]

    run = await app.run(nesting)
    assert run.output == [[7, 7], [7, 7], [7]]
    assert len(all_tasks(run)) == 9


async def test_a_replay_with_other_parameters_is_a_mismatch_that_names_them(durable_app: App) -> None:
    gate = Gate()
    seconds = [0.01]

    @durable_app.job
    async def drifting(payload: Any, io: IO) -> str:
        await io.wait(seconds=seconds[0])
        await io.run_task("gate", gate)
        return "done"

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(drifting)
        await gate.wait()
    seconds[0] = 60.0
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert run.status == "FAILURE"
    assert run.error is not None
    assert run.error.name == "CacheKeyMismatchError"
    for part in ("wait", "seconds", "60", "0.01"):
        assert part in run.error.message


async def test_calls_of_one_name_whose_order_changed_are_a_mismatch(durable_app: App) -> None:
    """``params=`` tells the calls apart: swapped, each would get the other's result."""
    gate = Gate()
    order = ["a", "b"]
    seen: list[str] = []

    async def fetch() -> str:
        return "fetched"

    @durable_app.job
    async def swapping(payload: Any, io: IO) -> str:
        try:
            for name in order:
                await io.run_task(fn=fetch, params={"name": name, "same": 1})
        except CacheKeyMismatchError as error:
            seen.append(error.message)
            return "mismatch"
        await io.run_task("gate", gate)
        return "none"

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(swapping)
        await gate.wait()
    order.reverse()
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", "mismatch")
    assert "run_task" in seen[0]
    assert 'name was "a", is "b"' in seen[0]
    assert "same" not in seen[0]


@pytest.mark.parametrize(
    ("call", "differs"),
    [
        (lambda io, n: io.send_event(name="e", deliver_after=60 + n), "deliver_after was 61.0, is 62.0"),
        (lambda io, n: io.send_events(events=[Event("e")], deliver_after=60 + n), "deliver_after"),
        (lambda io, n: io.invoke(job="child", context={"n": n}), 'context was {"n":1}, is {"n":2}'),
        (lambda io, n: io.invoke(job="child", idempotency_key=f"k{n}"), 'idempotency_key was "k1", is "k2"'),
        (lambda io, n: io.invoke_and_wait(job="child", context={"n": n}), 'context was {"n":1}, is {"n":2}'),
        (lambda io, n: io.batch_invoke_and_wait(job="child", payloads=[({}, {"context": n})]), "payloads was"),
    ],
)
async def test_what_events_and_runs_are_started_with_is_compared(
    durable_app: App, call: Callable[[IO, int], Any], differs: str
) -> None:
    seen: list[str] = []
    gate = Gate()

    @durable_app.job
    async def child(payload: Any) -> None: ...

    @durable_app.job
    async def calling(payload: Any, io: IO) -> str:
        try:
            await call(io, 1 if not gate.is_open else 2)
        except CacheKeyMismatchError as error:
            seen.append(error.message)
            return "mismatch"
        await io.run_task("gate", gate)
        return "none"

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(calling)
        await gate.wait()
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", "mismatch")
    assert differs in seen[0]


async def test_instants_are_not_compared_on_replay(app: App) -> None:
    """The moment a wait or an event is for is made anew by each execution."""

    @app.job
    async def moving(payload: Any, io: IO) -> str:
        now = datetime.now(UTC)
        await io.run_task(fn=load, delay_until=now + timedelta(seconds=0.01))
        await io.send_event(name="happened", timestamp=now, deliver_at=now + timedelta(hours=1))
        await io.wait_until(at=now + timedelta(seconds=0.02))
        await io.wait("gate", 0.02)
        return "done"

    run = await app.run(moving)
    assert (run.status, run.output) == ("SUCCESS", "done")
    assert run.warnings == ()
    assert sum(task.operation == "wait_until" for task in all_tasks(run)) == 1


async def test_concurrent_branches_may_not_ask_for_automatic_keys_of_one_name(app: App) -> None:
    @app.job
    async def racing(payload: Any, io: IO) -> str:
        branch = asyncio.create_task(io.run_task(fn=load))
        await branch
        try:
            await io.run_task(fn=load)
        except AmbiguousCacheKeyError as error:
            return error.message
        return "no error"

    message = await app.result(racing)
    assert "io.parallel" in message
    assert "key" in message


async def test_concurrent_branches_may_ask_for_automatic_keys_of_different_names(app: App) -> None:
    async def other() -> int:
        return 8

    @app.job
    async def racing(payload: Any, io: IO) -> list[int]:
        got = await asyncio.gather(io.run_task(fn=load), io.run_task(fn=other))
        await io.wait("gate", 0.01)
        return got

    assert await app.result(racing) == [7, 8]


async def test_wait_for_around_the_only_caller_works(app: App) -> None:
    bodies: list[str] = []

    async def once() -> str:
        bodies.append("once")
        return "value"

    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        value = await asyncio.wait_for(io.run_task(fn=once), 5)
        await io.wait("gate", 0.01)
        return value

    assert await app.result(bounded) == "value"
    assert bodies == ["once"]


async def test_parallel_items_have_automatic_keys_of_their_own(app: App) -> None:
    bodies: list[int] = []

    async def item(value: int, index: int) -> list[int]:
        async def body() -> int:
            bodies.append(value)
            return value * 10

        io = ios[0]
        first = await io.run_task(fn=body)
        await io.wait(seconds=0.01 * (3 - index))
        return [first, await io.run_task(fn=body)]

    ios: list[IO] = []

    @app.job
    async def fanning(payload: Any, io: IO) -> list[list[int]]:
        ios[:] = [io]
        return await io.parallel(items=[1, 2, 3], fn=item)

    assert await app.result(fanning) == [[10, 10], [20, 20], [30, 30]]
    assert sorted(bodies) == [1, 1, 2, 2, 3, 3]


async def test_an_ambiguous_key_is_an_error_on_every_execution(app: App) -> None:
    """The branch that came first must not get a result that belongs to the other one later."""
    results: list[str] = []

    @app.job
    async def racing(payload: Any, io: IO) -> str:
        got = await asyncio.gather(io.run_task(fn=load), io.run_task(fn=load), return_exceptions=True)
        results.append(",".join(type(one).__name__ for one in got))
        await io.wait("gate", 0.01)
        return results[-1]

    assert await app.result(racing) == "int,AmbiguousCacheKeyError"
    assert set(results) == {"int,AmbiguousCacheKeyError"}


async def test_an_explicit_key_met_by_another_operation_is_a_mismatch_that_names_both(durable_app: App) -> None:
    gate = Gate()

    @durable_app.job
    async def changing(payload: Any, io: IO) -> None:
        if gate.is_open:
            await io.run_task("k", load)
        else:
            await io.wait("k", 0.001)
        await io.run_task("gate", gate)

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(changing)
        await gate.wait()
    gate.is_open = True
    async with durable_app.start():
        again = await durable_app.client.invoke(changing)
        assert await again.result(timeout=PATIENCE) is None
        run = await durable_app.finish(handle.id)
    assert run.error is not None
    assert run.error.name == "CacheKeyMismatchError"
    for part in ("'k'", "wait", "run_task"):
        assert part in run.error.message
