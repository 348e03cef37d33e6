"""Stored values: each call's work is done once, whatever happens to the run, and stores know nothing of each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel

from perdure import IO
from perdure.errors import (
    AmbiguousCacheKeyError,
    CacheKeyMismatchError,
    InvalidArgumentError,
    PayloadValidationError,
    UnserializableOutputError,
    UseIoError,
    ValueTooLargeError,
)
from tests.scenarios import shapes
from tests.scenarios.app import PATIENCE, SUSPENDS, App, Gate, task_of

STORES: list[Callable[[IO], Any]] = [
    lambda io: io.store.env,
    lambda io: io.store.job,
    lambda io: io.store.run,
]


class Disk(BaseModel):
    path: str
    bought: date | None = None


@pytest.mark.parametrize("store", STORES, ids=["env", "job", "run"])
async def test_what_is_set_is_there_until_it_is_deleted(app: App, store: Callable[[IO], Any]) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> list[Any]:
        values = store(io)
        seen = [await values.has("before", "disk"), await values.get("none", "disk")]
        seen.append(await values.set("put", "disk", {"size": 5}))
        await io.wait("w", 0.005)
        seen += [await values.get("got", "disk"), await values.has("there", "disk")]
        seen.append(await values.set("put again", "disk", [1, 2]))
        seen.append(await values.get("got again", "disk"))
        seen += [await values.delete("gone", "disk"), await values.delete("gone twice", "disk")]
        await io.wait("w2", 0.005)
        seen += [await values.has("after", "disk"), await values.get("nothing", "disk")]
        return seen

    expected = [False, None, {"size": 5}, {"size": 5}, True, [1, 2], [1, 2], True, False, False, None]
    assert await app.result(keeping) == expected


async def test_no_store_sees_what_another_holds(app: App) -> None:
    async def look(io: IO) -> list[Any]:
        return [await store(io).get(["get", n], "name") for n, store in enumerate(STORES)]

    @app.job
    async def first(payload: Any, io: IO) -> list[Any]:
        for n, store in enumerate(STORES):
            await store(io).set(["set", n], "name", ["env", "job", "run"][n])
        return await look(io)

    @app.job
    async def first_again(payload: Any, io: IO) -> list[Any]:
        return await look(io)

    @app.job
    async def looking(payload: Any, io: IO) -> list[Any]:
        if payload == "write":
            await io.store.job.set("write", "name", "another job")
            await io.store.run.set("write run", "name", "another run")
        return await look(io)

    async with app.start():
        one = await (await app.client.invoke(first)).result(timeout=PATIENCE)
        two = await (await app.client.invoke(looking)).result(timeout=PATIENCE)
        three = await (await app.client.invoke(looking, "write")).result(timeout=PATIENCE)
        four = await (await app.client.invoke(looking)).result(timeout=PATIENCE)
        five = await (await app.client.invoke(first_again)).result(timeout=PATIENCE)
    assert one == ["env", "job", "run"]
    assert two == ["env", None, None]
    assert three == ["env", "another job", "another run"]
    assert four == ["env", "another job", None]
    assert five == ["env", None, None]


async def test_the_environment_s_values_are_the_same_inside_and_outside(app: App) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> Any:
        found = await io.store.env.get("in", "from outside")
        await io.store.env.set("out", "from inside", {"n": 2})
        return found

    async with app.start():
        store = app.client.store.env
        assert await store.set("from outside", {"n": 1}) == {"n": 1}
        assert await (await app.client.invoke(keeping)).result(timeout=PATIENCE) == {"n": 1}
        assert await store.get("from inside") == {"n": 2}
        assert [await store.has("from inside"), await store.delete("from inside")] == [True, True]
        assert [await store.has("from inside"), await store.delete("from inside")] == [False, False]
        assert await store.get("from inside") is None


async def test_values_are_kept_under_the_keys_of_the_v2_protocol(app: App) -> None:
    @app.job(id="kv")
    async def keeping(payload: Any, io: IO) -> None:
        for n, store in enumerate(STORES):
            await store(io).set(["set", n], "k2/é x", n)

    async with app.start():
        handle = await app.client.invoke(keeping)
        await handle.result(timeout=PATIENCE)
        keys = ["k2/é x", "job:kv:k2/é x", f"run:{handle.id}:k2/é x"]
        assert [await app.node.platform.get_value(key) for key in keys] == ["0", "1", "2"]


async def test_none_is_a_value_that_has_tells_from_nothing(app: App) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> list[Any]:
        await io.store.job.set("set", "n", None)
        found = [await io.store.job.get("get", "n"), await io.store.job.get("as", "n", as_type=int)]
        return [*found, await io.store.job.has("has", "n"), await io.store.job.has("none", "m")]

    async with app.start():
        assert await (await app.client.invoke(keeping)).result(timeout=PATIENCE) == [None, None, True, False]
        assert await app.client.store.env.set("n", None) is None
        assert await app.client.store.env.get("n", as_type=int) is None
        assert await app.client.store.env.has("n")


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


async def test_values_come_back_as_the_type_that_is_asked_for(app: App) -> None:
    seen: list[Any] = []

    @app.job
    async def keeping(payload: Any, io: IO) -> None:
        disk = Disk(path="/", bought=date(2030, 1, 1))
        seen.append(await io.store.job.set("set", "disk", disk))
        seen.append(await io.store.job.get("get", "disk", as_type=Disk))
        await io.store.job.set("row", "row", shapes.Row(7))
        seen.append(await io.store.job.get("plain", "row"))
        seen.append(await io.store.job.set("tuple", "tuple", (1, date(2030, 1, 1))))
        await io.wait("w", SUSPENDS)

    async with app.start():
        await app.finish(await app.client.invoke(keeping))
        assert await app.client.store.env.set("disk", Disk(path="/")) == {"path": "/", "bought": None}
        assert await app.client.store.env.get("disk", as_type=Disk) == Disk(path="/")
    expected = [
        {"path": "/", "bought": "2030-01-01"},
        Disk(path="/", bought=date(2030, 1, 1)),
        {"rowId": 7, "seenAt": None},
        [1, "2030-01-01"],
    ]
    assert seen == expected * (2 if app.force_replay else 1)


async def test_a_value_of_another_type_is_refused_each_time(app: App) -> None:
    told: list[str] = []

    @app.job
    async def keeping(payload: Any, io: IO) -> Any:
        await io.store.run.set("set", "disk", {"size": 5})
        try:
            await io.store.run.get("get", "disk", as_type=Disk)
        except PayloadValidationError as error:
            told.append(error.message)
        await io.wait("w", SUSPENDS)
        return await io.store.run.get("plain", "disk")

    async with app.start():
        assert await (await app.client.invoke(keeping)).result(timeout=PATIENCE) == {"size": 5}
        await app.client.store.env.set("disk", 5)
        with pytest.raises(PayloadValidationError, match="Disk"):
            await app.client.store.env.get("disk", as_type=Disk)
    assert len(told) == (2 if app.force_replay else 1)
    assert set(told) == {told[0]}
    assert "path" in told[0]


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


NAMES = {
    "missing": None,
    "no text": 5,
    "empty": "",
    "of 513 bytes": "x" * 513,
    "of 514 bytes": "é" * 257,
    "with NUL": "a\x00",
    "with a line break": "a\nb",
    "with a lone surrogate": "a\ud800",
    "one step up": "..",
    "up in the middle": "a/../b",
    "here": "./a",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
async def test_what_is_no_name_is_refused_everywhere(app: App, name: Any) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> list[str]:
        told: list[str] = []
        for store in STORES:
            values = store(io)
            for call in (values.get, values.has, values.delete, lambda *args, set=values.set: set(*args, 1)):
                try:
                    await call("k", name)
                except InvalidArgumentError as error:
                    told.append(error.code)
        return told

    async with app.start():
        handle = await app.client.invoke(keeping)
        assert await handle.result(timeout=PATIENCE) == ["invalid_argument"] * 12
        assert (await app.look_up(handle.id)).tasks == ()
        store = app.client.store.env
        for call in (store.get(name), store.has(name), store.delete(name), store.set(name, 1)):
            with pytest.raises(InvalidArgumentError):
                await call


@pytest.mark.parametrize("name", ["x" * 512, "é" * 256, "a/b", "a..b", "..a", "Ünïcode 🦊", "%2F", "it's; --", " "])
async def test_what_is_a_name_is_taken_everywhere(app: App, name: str) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> list[Any]:
        return [
            await store(io).set([n, "set"], name, n) + await store(io).get([n, "get"], name)
            for n, store in enumerate(STORES)
        ]

    async with app.start():
        assert await (await app.client.invoke(keeping)).result(timeout=PATIENCE) == [0, 2, 4]
        assert await app.client.store.env.get(name) == 0


@pytest.mark.parametrize("name", ["job:keeping:n", "run:run_1:n", "run:"])
async def test_a_name_of_the_environment_reaches_no_other_store(app: App, name: str) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> list[Any]:
        await io.store.job.set("set", name, 1)
        try:
            await io.store.env.get("get", name)
        except InvalidArgumentError as error:
            return [await io.store.job.get("own", name), error.message]
        return []

    async with app.start():
        found, message = await (await app.client.invoke(keeping)).result(timeout=PATIENCE)
        assert found == 1
        assert "Use the store of the job or the run" in message
        with pytest.raises(InvalidArgumentError, match="must not begin with"):
            await app.client.store.env.set(name, 2)


async def test_a_value_must_be_given(app: App) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> list[str]:
        told: list[str] = []
        calls: list[Callable[[], Any]] = [
            lambda: io.store.run.set("k", "n"),
            lambda: io.store.run.set("n"),
            lambda: io.store.run.get("n"),
        ]
        for call in calls:
            try:
                await call()
            except InvalidArgumentError as error:
                told.append(error.message)
        return told

    no_value, no_name, nothing = await app.result(keeping)
    assert no_value == "io.store.run.set needs the value to store."
    assert no_name.startswith('io.store.run.set("key", "name", value) needs')
    assert nothing == 'io.store.run.get("key", "name") needs the name of the value.'


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("€" * 100_000, ValueTooLargeError),
        ("x" * (256 * 1024 - 1), ValueTooLargeError),
        (float("nan"), UnserializableOutputError),
        ({"at": {"deep": object()}}, UnserializableOutputError),
    ],
    ids=["100,000 euros", "one byte too much", "no number", "no JSON"],
)
async def test_what_cannot_be_stored_is_refused_and_leaves_what_was(
    app: App, value: Any, error: type[Exception]
) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> list[Any]:
        await io.store.run.set("first", "n", "first")
        try:
            await io.store.run.set("k", "n", value)
        except error:
            return [await io.store.run.get("get", "n"), await io.store.run.set("k", "n", "fits")]
        return []

    async with app.start():
        assert await (await app.client.invoke(keeping)).result(timeout=PATIENCE) == ["first", "fits"]
        with pytest.raises(error):
            await app.client.store.env.set("n", value)
        assert not await app.client.store.env.has("n")


@pytest.mark.parametrize("value", ["x" * (256 * 1024 - 2), "a\x00\ud800", 2**64, [], {}, "", False, 0.1], ids=repr)
async def test_what_fits_comes_back_as_it_was(app: App, value: Any) -> None:
    @app.job
    async def keeping(payload: Any, io: IO) -> bool:
        put = await io.store.run.set("set", "n", value)
        await io.wait("w", 0.002)
        return bool(put == value and await io.store.run.get("get", "n") == value)

    async with app.start():
        assert await (await app.client.invoke(keeping)).result(timeout=PATIENCE) is True
        assert await app.client.store.env.set("n", value) == value
        assert await app.client.store.env.get("n") == value


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


def test_the_blocking_store_does_the_same(app: App) -> None:
    with app.start_background():
        store = app.client.sync.store.env
        assert [store.has("n"), store.get("n"), store.set("n", {"a": 1})] == [False, None, {"a": 1}]
        assert store.get("n") == {"a": 1}
        assert store.get("n", as_type=dict) == {"a": 1}
        assert [store.delete("n"), store.delete("n")] == [True, False]
        with pytest.raises(InvalidArgumentError):
            store.set("..", 1)


@pytest.mark.usefixtures("outside_development")
async def test_values_outlive_the_node_and_belong_to_their_environment(
    durable_app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with durable_app.start():
        await durable_app.client.store.env.set("n", "dev")
    monkeypatch.setenv("PERDURE_ENVIRONMENT", "prod")
    async with durable_app.start():
        assert not await durable_app.client.store.env.has("n")
        assert not await durable_app.client.store.env.delete("n")
        await durable_app.client.store.env.set("n", "prod")
    monkeypatch.delenv("PERDURE_ENVIRONMENT")
    async with durable_app.start():
        assert await durable_app.client.store.env.get("n") == "dev"
