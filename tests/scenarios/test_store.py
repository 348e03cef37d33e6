"""Stored values: what is set is there, as it was, and stores know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel

from perdure import IO
from perdure.errors import InvalidArgumentError, PayloadValidationError
from tests.scenarios import shapes
from tests.scenarios.app import PATIENCE, SUSPENDS, App
from tests.scenarios.stores import STORES


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
