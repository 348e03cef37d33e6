"""Types of results: annotations that can be read and that cannot, of tasks and of jobs."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from perdure import IO
from perdure.errors import UnsupportedTypeError
from tests.scenarios.app import App
from tests.scenarios.shapes import Photo

if TYPE_CHECKING:
    from ipaddress import IPv4Address


async def test_an_annotation_that_cannot_be_resolved_is_refused_before_the_body_runs(app: App) -> None:
    bodies: list[int] = []

    async def address() -> IPv4Address:
        bodies.append(1)
        raise AssertionError

    @app.job
    async def looking(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", address)
        except UnsupportedTypeError as error:
            return error.message
        return "no error"

    message = await app.result(looking)
    assert "as_type=" in message
    assert "IPv4Address" in message
    assert bodies == []


async def test_a_class_that_is_local_to_a_function_cannot_be_an_annotation(app: App) -> None:
    class Local(BaseModel):
        name: str

    bodies: list[int] = []

    async def make() -> Local:
        bodies.append(1)
        return Local(name="n")

    @app.job
    async def making(payload: Any, io: IO) -> list[str]:
        try:
            await io.run_task("k", make)
        except UnsupportedTypeError as error:
            got = await io.run_task("typed", make, as_type=Local)
            assert isinstance(got, Local)
            return [type(error).__name__, got.name]
        return []

    assert await app.result(making) == ["UnsupportedTypeError", "n"]
    assert bodies == [1]


async def test_as_type_counts_in_place_of_the_annotation(app: App) -> None:
    async def make() -> int:
        return "2024-01-01"  # type: ignore[return-value]

    @app.job
    async def making(payload: Any, io: IO) -> bool:
        got = await io.run_task("k", make, as_type=date)
        await io.wait("gate", 0.005)
        return got == date(2024, 1, 1)

    assert await app.result(making) is True


async def test_a_type_that_json_cannot_be_read_as_is_refused_before_the_body_runs(app: App) -> None:
    bodies: list[int] = []

    async def make() -> Photo:
        bodies.append(1)
        return Photo()

    @app.job
    async def making(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", make)
        except UnsupportedTypeError as error:
            return error.message
        return "no error"

    message = await app.result(making)
    assert "Photo" in message
    assert "as_type=" in message
    assert bodies == []


async def test_a_job_result_is_decoded_for_its_handle(app: App) -> None:
    @app.job
    async def typed(payload: Any) -> dict[date, tuple[int, ...]]:
        return {date(2024, 1, 1): (1, 2)}

    assert await app.result(typed) == {date(2024, 1, 1): (1, 2)}


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        ({"user": {"photo": Photo()}}, "UnserializableOutputError", "result.user.photo: "),
        ("x" * (3 * 1024 * 1024), "ValueTooLargeError", "3,145,730 bytes"),
        ([float("nan")], "UnserializableOutputError", "result[0]: "),
    ],
    ids=["photo", "large", "nan"],
)
async def test_a_job_result_that_cannot_be_stored_fails_the_run(app: App, value: Any, name: str, text: str) -> None:
    bodies: list[int] = []

    @app.job
    async def returning(payload: Any, io: IO) -> Any:
        await io.run_task("k", lambda: bodies.append(1))
        return value

    run = await app.run(returning)
    assert run.status == "FAILURE"
    assert run.error is not None
    assert run.error.name == name
    assert text in run.error.message
    assert bodies == [1]


async def test_the_annotation_of_a_job_that_cannot_be_resolved_is_refused_before_its_tasks_run(app: App) -> None:
    bodies: list[int] = []

    async def declare_and_run() -> None:
        @app.job
        async def addressing(payload: Any, io: IO) -> IPv4Address:
            await io.run_task("k", lambda: bodies.append(1))
            raise AssertionError

        await app.result(addressing)

    with pytest.raises(UnsupportedTypeError):
        await declare_and_run()
    assert bodies == []
