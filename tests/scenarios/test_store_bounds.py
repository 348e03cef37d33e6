"""What is no name and no value of a store, and what is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perdure import IO
from perdure.errors import InvalidArgumentError, UnserializableOutputError, ValueTooLargeError
from tests.scenarios.app import PATIENCE, App
from tests.scenarios.stores import STORES

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
