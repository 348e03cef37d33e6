"""Keys and arguments of tasks of plain jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from perdure import SyncIO
from perdure.errors import CacheKeyMismatchError, DuplicateCacheKeyError, InvalidArgumentError
from tests.scenarios.app import PATIENCE, App


async def test_a_key_used_for_something_else_is_refused(app: App) -> None:
    @app.job
    def repeating(payload: Any, io: SyncIO) -> list[Any]:
        def body() -> int:
            return 1

        same = [io.run_task("k", body), io.run_task("k", body)]
        refused: list[str] = []
        for call in (lambda: io.run_task("k", lambda: 2), lambda: io.wait("k", 1)):
            try:
                call()
            except DuplicateCacheKeyError as error:
                refused.append(type(error).__name__)
        return [*same, *refused]

    run = await app.run(repeating)
    assert run.output == [1, 1, "DuplicateCacheKeyError", "DuplicateCacheKeyError"]
    assert run.warnings == ("key k was asked for twice; the second call got the first result",)


async def test_automatic_keys_count_by_operation_and_name(app: App) -> None:
    ran: list[int] = []

    def load(task: Any) -> int:
        ran.append(1)
        return len(ran)

    @app.job
    def counting(payload: Any, io: SyncIO) -> list[int]:
        got = [io.run_task(fn=load) for _ in range(3)]
        io.wait(seconds=0.001)
        io.wait(seconds=0.002)
        return got

    run = await app.run(counting)
    assert run.output == [1, 2, 3]
    assert len(ran) == 3


async def test_other_code_under_a_stored_key_is_a_mismatch(durable_app: App) -> None:
    gate = asyncio.Event()

    async def stop() -> None:
        gate.set()
        await asyncio.Event().wait()

    @durable_app.job
    def job(payload: Any, io: SyncIO) -> Any:
        io.run_task("k", lambda: 1, name="first")
        io.run_task("stop", stop)

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(job)
        await asyncio.wait_for(gate.wait(), PATIENCE)
    successor = durable_app.successor()

    @successor.job(id="job")
    def changed(payload: Any, io: SyncIO) -> str:
        try:
            io.run_task("k", lambda: 1, name="second")
        except CacheKeyMismatchError as error:
            return error.message
        return "matched"

    async with successor.start():
        run = await successor.finish(handle.id)
    assert "belongs to run_task 'first'" in run.output


async def test_bad_arguments_are_refused_where_they_are_given(app: App) -> None:
    def too_much(a: Any, b: Any, c: Any) -> None: ...

    calls: dict[str, Callable[[SyncIO], Any]] = {
        "no function": lambda io: io.run_task("a"),
        "a coroutine": lambda io: io.run_task("b", asyncio.sleep(0)),  # type: ignore[call-overload]
        "a function of three": lambda io: io.run_task("c", too_much),
        "a style": lambda io: io.run_task("s", lambda: 1, style={"style": "loud"}),
        "a variant": lambda io: io.run_task("v", lambda: 1, style={"style": "minimal", "variant": 5}),
        "negative": lambda io: io.wait("d", -1),
        "no seconds": lambda io: io.wait("e"),
        "bounds": lambda io: io.random("f", min=2, max=1),
        "no items": lambda io: io.parallel("g", 5, lambda item, index: 1),  # type: ignore[call-overload]
    }

    @app.job
    def asking(payload: Any, io: SyncIO) -> dict[str, str]:
        answers: dict[str, str] = {}
        for name, call in calls.items():
            try:
                call(io)
                answers[name] = "accepted"
            except InvalidArgumentError:
                answers[name] = "refused"
        return answers

    run = await app.run(asking)
    assert run.output == dict.fromkeys(calls, "refused")
