"""Results that cannot be stored, and how large they may be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from perdure import IO
from perdure.errors import UnserializableOutputError, ValueTooLargeError
from tests.scenarios import shapes
from tests.scenarios.app import App, task_of
from tests.scenarios.shapes import Photo


class User(BaseModel):
    model_config = {"arbitrary_types_allowed": True}

    name: str
    photo: Any = None


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"user": {"photo": Photo()}}, "result.user.photo: "),
        ([1, [2, Photo()]], "result[1][1]: "),
        ({"user": User(name="Ada", photo=Photo())}, "result.user.photo: "),
        (shapes.Path2D((), meta={"p": {"q": Photo()}}), "result.meta.p.q: "),
        ({"ratio": float("nan")}, "result.ratio: "),
        ([float("inf")], "result[0]: "),
        ({"of": {(1, 2): 3}}, "result.of: "),
    ],
    ids=lambda one: ascii(one)[:40],
)
async def test_a_value_that_cannot_be_stored_fails_its_task_and_names_the_place(
    app: App, value: Any, path: str
) -> None:
    bodies: list[int] = []
    seen: list[str] = []

    def body() -> Any:
        bodies.append(1)
        return value

    @app.job
    async def storing(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", body, retry={"limit": 3, "min_timeout": 0.001})
        except UnserializableOutputError as error:
            seen.append(error.message)
        await io.wait("gate", 0.005)
        return seen[-1]

    run = await app.run(storing)
    assert run.output.startswith(path)
    assert "run_task 'k' returned it" in run.output
    assert len(set(seen)) == 1
    assert bodies == [1]
    assert task_of(run, "k").status == "ERRORED"


@pytest.mark.parametrize(
    ("annotation", "value"), [(int, "five"), (shapes.Order, {"orderId": "x"}), (list[int], [1, None]), (str, None)]
)
async def test_a_result_that_does_not_fit_its_annotation_fails_its_task(app: App, annotation: Any, value: Any) -> None:
    @app.job
    async def lying(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", lambda: value, as_type=annotation)
        except UnserializableOutputError as error:
            return error.message
        return "no error"

    assert (await app.result(lying)).startswith("result")


async def test_a_result_over_three_mebibytes_is_too_large(app: App) -> None:
    bodies: list[int] = []

    def body() -> str:
        bodies.append(1)
        # Its two quotes count, so it is one byte too large.
        return "x" * (3 * 1024 * 1024 - 1)

    @app.job
    async def storing(payload: Any, io: IO) -> str:
        fits = await io.run_task("fits", lambda: "x" * (3 * 1024 * 1024 - 2))
        try:
            await io.run_task("k", body, retry={"limit": 3})
        except ValueTooLargeError as error:
            return f"{len(fits)} {error.message}"
        return "no error"

    assert (await app.result(storing)).startswith("3145726 result is 3,145,729 bytes")
    assert bodies == [1]


@pytest.mark.parametrize("value", [10**150, list(range(150_000))], ids=["a number of 151 digits", "150,000 values"])
async def test_what_is_within_three_mebibytes_is_stored_wherever_the_job_is_executed(app: App, value: Any) -> None:
    @app.job
    async def returning(payload: Any, io: IO) -> Any:
        first = await io.run_task("t", lambda: value, params={"given": value})
        await io.wait("gate", 0.005)
        assert first == value
        return first

    run = await app.run(returning)
    assert (run.status, run.output) == ("SUCCESS", value)


async def test_sizes_are_counted_in_bytes_of_utf_8(app: App) -> None:
    @app.job
    async def storing(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", lambda: "é" * (3 * 512 * 1024))
        except ValueTooLargeError:
            return "too large"
        return "no error"

    assert await app.result(storing) == "too large"
