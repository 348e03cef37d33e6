"""`io.random`, `io.uuid` and `io.now`: drawn once, the same in every execution."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from perdure import IO
from perdure.errors import InvalidArgumentError
from tests.scenarios.app import SUSPENDS, App, Gate, task_of


async def test_values_of_chance_and_the_clock_stay_the_same(app: App) -> None:
    seen: list[tuple[float, int, UUID, datetime]] = []

    @app.job
    async def drawing(payload: Any, io: IO) -> None:
        seen.append(
            (
                await io.random("r"),
                await io.random("i", min=0, max=10**6, round=True),
                await io.uuid("u"),
                await io.now("n"),
            )
        )
        await io.wait("w", SUSPENDS)
        await io.wait("w2", SUSPENDS)

    before = datetime.now(UTC)
    run = await app.run(drawing)
    assert run.status == "SUCCESS"
    assert len(seen) == (3 if app.force_replay else 1)
    assert len(set(seen)) == 1
    number, whole, unique, now = seen[0]
    assert [type(one) for one in seen[0]] == [float, int, UUID, datetime]
    assert 0 <= number < 1
    assert 0 <= whole <= 10**6
    assert unique.version == 4
    assert now.utcoffset() == timedelta(0)
    assert before - timedelta(milliseconds=1) <= now <= datetime.now(UTC)
    assert run.logs == ()


async def test_different_calls_draw_different_values(app: App) -> None:
    @app.job
    async def drawing(payload: Any, io: IO) -> list[Any]:
        numbers = [await io.random(["r", n]) for n in range(20)]
        ids = [str(await io.uuid()) for _ in range(20)]
        return [len(set(numbers)), len(set(ids))]

    assert await app.result(drawing) == [20, 20]


async def test_the_lower_bound_is_reached_and_the_upper_one_only_when_rounding(app: App) -> None:
    @app.job
    async def drawing(payload: Any, io: IO) -> list[list[float]]:
        whole = [await io.random(["w", n], min=-1, max=1, round=True) for n in range(200)]
        real = [await io.random(["r", n], min=5, max=5.5) for n in range(200)]
        return [sorted(set(whole)), [min(real), max(real)]]

    whole, (low, high) = await app.result(drawing)
    assert whole == [-1, 0, 1]
    assert 5 <= low < high < 5.5


@pytest.mark.parametrize(
    ("arguments", "value"),
    [({"min": 3, "max": 3}, 3.0), ({"min": 3, "max": 3, "round": True}, 3), ({"min": 0.5, "max": 0.5}, 0.5)],
    ids=str,
)
async def test_equal_bounds_give_that_value_and_a_warning(app: App, arguments: dict[str, Any], value: float) -> None:
    @app.job
    async def drawing(payload: Any, io: IO) -> Any:
        got = await io.random("r", **arguments)
        await io.wait("w", 0.005)
        return [got, type(got).__name__]

    run = await app.run(drawing)
    assert run.output == [value, "int" if arguments.get("round") else "float"]
    assert [line.level for line in run.logs] == ["WARN"]


async def test_rounding_between_fractional_bounds_warns(app: App) -> None:
    @app.job
    async def drawing(payload: Any, io: IO) -> bool:
        got = await io.random("r", min=0.5, max=2.5, round=True)
        await io.wait("w", 0.005)
        return isinstance(got, int)

    run = await app.run(drawing)
    assert run.output is True
    assert [line.level for line in run.logs] == ["WARN"]


@pytest.mark.parametrize("arguments", [{"min": 2, "max": 1}, {"max": float("inf")}, {"min": float("nan")}], ids=str)
async def test_bounds_between_which_nothing_lies_are_refused(app: App, arguments: dict[str, Any]) -> None:
    @app.job
    async def drawing(payload: Any, io: IO) -> str:
        try:
            await io.random("r", **arguments)
        except InvalidArgumentError as error:
            return error.code
        return "no error"

    assert await app.result(drawing) == "invalid_argument"


async def test_other_bounds_on_replay_give_the_stored_number(durable_app: App) -> None:
    gate = Gate()
    high = [1]

    @durable_app.job
    async def drawing(payload: Any, io: IO) -> float:
        got = await io.random("r", max=high[0])
        await io.run_task("gate", gate)
        return got

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(drawing)
        await gate.wait()
        before = await durable_app.look_up(handle.id)
    high[0] = 1000
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert run.output == task_of(before, "r").output


@pytest.mark.parametrize(("low", "high"), [(-(10**400), 0), (0, 10**400), (-1e308, 1e308), (10**308, -(10**308))])
async def test_bounds_that_are_too_far_apart_are_refused(app: App, low: float, high: float) -> None:
    @app.job
    async def drawing(payload: Any, io: IO) -> None:
        with pytest.raises(InvalidArgumentError, match="random"):
            await io.random("r", min=low, max=high)

    assert (await app.run(drawing)).status == "SUCCESS"
