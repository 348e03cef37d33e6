"""Calls of stored values: each one's work is done once, whatever happens to the run."""

from __future__ import annotations

import asyncio
from typing import Any

from perdure import IO
from perdure.errors import AmbiguousCacheKeyError, CacheKeyMismatchError, UseIoError
from tests.scenarios.app import App, Gate, task_of


async def test_the_key_may_be_left_out(app: App) -> None:
    @app.job
    async def counting(payload: Any, io: IO) -> list[Any]:
        seen: list[Any] = []
        for n in range(3):
            await io.store.run.set(name="n", value=n)
            await io.wait(seconds=0.002)
            seen.append(await io.store.run.get(name="n"))
        both = await asyncio.gather(io.store.run.set(name="a", value=1), io.store.run.set(name="b", value=2))
        return [*seen, *both, await io.store.run.has(name="a"), await io.store.run.delete(name="b")]

    assert await app.result(counting) == [0, 1, 2, 1, 2, True, True]


async def test_branches_that_leave_out_the_key_for_one_name_are_ambiguous(app: App) -> None:
    @app.job
    async def counting(payload: Any, io: IO) -> str:
        results = await asyncio.gather(
            io.store.run.set(name="n", value=1), io.store.run.set(name="n", value=2), return_exceptions=True
        )
        return ",".join(type(one).__name__ for one in results)

    assert AmbiguousCacheKeyError.__name__ in await app.result(counting)


async def test_a_run_that_goes_on_keeps_what_it_read_and_repeats_nothing(durable_app: App) -> None:
    gate = Gate()

    @durable_app.job
    async def moving(payload: Any, io: IO) -> list[Any]:
        before = await io.store.env.get("read", "n")
        await io.store.env.set("write", "n", before + 1)
        gone = await io.store.env.delete("take", "once")
        there = await io.store.env.has("look", "once")
        await io.run_task("gate", gate)
        return [before, gone, there, await io.store.env.get("late", "n")]

    async with durable_app.start_and_interrupt():
        store = durable_app.client.store.env
        await store.set("n", 1)
        await store.set("once", True)
        handle = await durable_app.client.invoke(moving)
        await gate.wait()
        assert [await store.get("n"), await store.has("once")] == [2, False]
        await store.set("n", 50)
        await store.set("once", True)
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
        assert await durable_app.client.store.env.has("once")
    assert run.output == [1, True, False, 50]


async def test_one_key_is_one_call(app: App) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> list[Any]:
        first = await io.store.run.set("k", "n", 1)
        await io.store.run.set("other", "n", 2)
        second = await io.store.run.set("k", "n", 1)
        return [first, second, await io.store.run.get("get", "n")]

    run = await app.run(keeping)
    assert run.output == [1, 1, 2]
    assert run.warnings == ("key k was asked for twice; the second call got the first result",)


async def test_another_value_on_replay_gives_the_stored_one_and_a_warning(durable_app: App) -> None:
    gate, value = Gate(), [1]

    @durable_app.job
    async def keeping(payload: Any, io: IO) -> Any:
        stored = await io.store.run.set("k", "n", value[0])
        await io.run_task("gate", gate)
        return [stored, await io.store.run.get("get", "n")]

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(keeping)
        await gate.wait()
    gate.is_open = True
    value[0] = 2
    async with durable_app.start():
        run = await durable_app.finish(handle)
    assert run.output == [1, 1]
    assert "value was 1, is 2" in task_of(run, "k").warnings[0]


async def test_another_name_on_replay_is_another_call(durable_app: App) -> None:
    gate, name = Gate(), ["n"]

    @durable_app.job
    async def keeping(payload: Any, io: IO) -> Any:
        await io.store.run.set("k", name[0], 1)
        await io.run_task("gate", gate)

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(keeping)
        await gate.wait()
    gate.is_open = True
    name[0] = "m"
    async with durable_app.start():
        run = await durable_app.finish(handle)
    assert run.error is not None
    assert run.error.name == CacheKeyMismatchError.__name__
    assert "Key-Value Store Set n" in run.error.message


async def test_stores_work_inside_bodies_and_parallel_items(app: App) -> None:
    @app.job
    async def nesting(payload: Any, io: IO) -> list[Any]:
        async def body(task: Any, io: IO) -> int:
            await io.store.run.set("n", "inner", 1)
            await io.wait("w", 0.002)
            return int(await io.store.run.get("m", "inner"))

        async def item(value: int, index: int) -> Any:
            await io.store.run.set(name=f"item {value}", value=value)
            await io.wait(seconds=0.002)
            return await io.store.run.get(name=f"item {value}")

        return [await io.run_task("outer", body), *await io.parallel("all", [3, 4], item)]

    run = await app.run(nesting)
    assert run.output == [1, 3, 4]
    assert task_of(run, "outer/n").operation == "store.run.set"


async def test_a_branch_that_was_cancelled_may_be_followed_by_the_same_call(app: App) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> list[Any]:
        for turns in range(4):
            branch = asyncio.create_task(io.store.run.set(["k", turns], f"n{turns}", turns))
            for _ in range(turns):
                await asyncio.sleep(0)
            branch.cancel()
            await asyncio.wait([branch])
        return [await io.store.run.set(["k", turns], f"n{turns}", turns) for turns in range(4)]

    assert await app.result(keeping) == [0, 1, 2, 3]


async def test_a_call_is_shown_with_its_store_its_name_and_its_value(app: App) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> None:
        await io.store.job.set("small", "disk", {"size": 5})
        await io.store.job.set("large", "disk", "x" * 2000)
        await io.store.env.delete("gone", "disk")

    run = await app.run(keeping)
    small, large, gone = (task_of(run, key) for key in ("small", "large", "gone"))
    assert (small.operation, small.name, small.icon) == (
        "store.job.set",
        "Key-Value Store Set disk",
        "database-plus",
    )
    assert small.params == {"namespace": "job", "key": "disk", "value": {"size": 5}}
    assert small.output == {"size": 5}
    assert {one["label"]: one["text"] for one in small.properties} == {"namespace": "job", "key": "disk"}
    assert large.params["characters"] == 2002
    assert large.output == "x" * 2000
    assert (gone.operation, gone.icon, gone.output) == ("store.env.delete", "database-minus", False)


async def test_in_a_job_the_client_s_store_is_refused_and_in_a_body_it_is_not(app: App) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> list[Any]:
        store = app.client.store.env
        told: list[str] = []
        for call in (store.get("n"), store.set("n", 1), store.has("n"), store.delete("n")):
            try:
                await call
            except UseIoError as error:
                told.append(error.message.partition("use ")[2].partition(",")[0])

        async def body() -> int:
            await store.set("n", 2)
            return int(await store.get("n"))

        return [*told, await io.run_task("body", body)]

    verbs = ("get", "set", "has", "delete")
    assert await app.result(keeping) == [*(f"io.store.env.{verb}" for verb in verbs), 2]
