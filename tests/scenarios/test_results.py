"""Results: what a task gives is what was stored of it, the first time and every time after."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

from perdure import IO
from tests.scenarios import shapes
from tests.scenarios.app import SUSPENDS, App, task_of
from tests.scenarios.errors import PaymentDeclined


def types_in(value: Any) -> Any:
    """The types of a value and of everything in it."""
    if isinstance(value, dict):
        return type(value), [(types_in(key), types_in(member)) for key, member in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [types_in(member) for member in value]
    if isinstance(value, (set, frozenset)):
        return type(value), sorted(map(str, map(types_in, value)))
    members = getattr(value, "__dict__", None)
    if members and not isinstance(value, (Enum, Path)):
        return type(value), types_in(dict(members))
    return type(value), getattr(value, "tzinfo", None) is None


async def test_the_first_execution_and_every_replay_give_equal_values_of_equal_type(app: App) -> None:
    seen: dict[int, list[Any]] = {at: [] for at in range(len(shapes.VALUES))}

    def returning(annotation: Any, value: Any) -> Any:
        async def annotated() -> Any:
            return value

        annotated.__annotations__["return"] = annotation
        return annotated

    @app.job
    async def reading(payload: Any, io: IO) -> None:
        for at, (annotation, value) in enumerate(shapes.VALUES):
            seen[at].append(await io.run_task(["annotated", at], returning(annotation, value)))
            seen[at].append(await io.run_task(["given", at], lambda value=value: value, as_type=annotation))
        await io.wait("gate", SUSPENDS)

    run = await app.run(reading)
    assert (run.status, run.error) == ("SUCCESS", None)
    for at, (_, value) in enumerate(shapes.VALUES):
        assert seen[at] == [value] * (4 if app.force_replay else 2)
        assert [types_in(one) for one in seen[at]] == [types_in(value)] * len(seen[at])
        assert not isinstance(value, (list, dict, set)) or all(one is not value for one in seen[at])


PLAIN: list[tuple[Any, Any]] = [
    ((1, 2), [1, 2]),
    ({1, 2}, [1, 2]),
    ({"at": date(2024, 1, 1)}, {"at": "2024-01-01"}),
    (Decimal("0.10"), "0.10"),
    (shapes.Colour.RED, "red"),
    (Path("a/b"), "a/b"),
    ({1: "one"}, {"1": "one"}),
    (shapes.Point(1.0, 2.0), {"x": 1.0, "y": 2.0, "label": ""}),
    (shapes.Row(1), {"rowId": 1, "seenAt": None}),
    (
        shapes.Order(orderId=1, placedAt=datetime(2024, 1, 1, 5), total=shapes.Money(amount=Decimal("1.5"))),  # noqa: DTZ001
        {
            "orderId": 1,
            "placedAt": "2024-01-01T05:00:00",
            "total": {"amount": "1.5", "currency": "EUR"},
            "tags": [],
            "note": None,
        },
    ),
]
"""Values, with what is left of each without an annotation."""


async def test_without_an_annotation_values_come_back_as_their_json(app: App) -> None:
    seen: dict[int, list[Any]] = {at: [] for at in range(len(PLAIN))}

    @app.job
    async def reading(payload: Any, io: IO) -> None:
        for at, (value, _) in enumerate(PLAIN):
            seen[at].append(await io.run_task(["plain", at], lambda value=value: value))
        await io.wait("gate", SUSPENDS)

    run = await app.run(reading)
    assert run.status == "SUCCESS"
    for at, (_, plain) in enumerate(PLAIN):
        assert seen[at] == [plain] * (2 if app.force_replay else 1)
        assert types_in(seen[at][0]) == types_in(plain)
        assert task_of(run, f"plain-{at}").output == plain


async def test_models_are_stored_and_shown_by_alias(app: App) -> None:
    order = shapes.Order(orderId=1, placedAt=datetime(2024, 1, 1, 5), total=shapes.Money(amount=Decimal("1.5")))  # noqa: DTZ001

    async def place() -> shapes.Order:
        return order

    @app.job
    async def placing(payload: Any, io: IO) -> shapes.Order:
        placed = await io.run_task("place", place)
        assert placed.order_id == 1
        return placed

    async with app.start():
        handle = await app.client.invoke(placing)
        assert await handle.result() == order
        run = await app.finish(handle)
    assert run.output["orderId"] == 1
    assert set(task_of(run, "place").output) == {"orderId", "placedAt", "total", "tags", "note"}


async def test_changing_a_result_does_not_change_what_is_stored(app: App) -> None:
    @app.job
    async def changing(payload: Any, io: IO) -> list[list[int]]:
        def body() -> list[int]:
            return [1]

        first = await io.run_task("k", body, params="same")
        first.append(2)
        second = await io.run_task("k", body, params="same")
        await io.wait("gate", 0.005)
        return [first, second]

    assert await app.result(changing) == [[1, 2], [1]]


async def test_parse_output_maps_the_stored_json_each_time(app: App) -> None:
    parsed: list[Any] = []

    def parse(stored: Any) -> Any:
        parsed.append(stored)
        return tuple(stored)

    @app.job
    async def parsing(payload: Any, io: IO) -> bool:
        got = await io.run_task("plain", lambda: {1, 2}, parse_output=parse)
        await io.wait("gate", SUSPENDS)
        return got == (1, 2)

    run = await app.run(parsing)
    assert run.output is True
    assert parsed == [[1, 2]] * (2 if app.force_replay else 1)
    assert task_of(run, "plain").output == [1, 2]


async def test_results_of_branches_are_not_mixed_up(app: App) -> None:
    @app.job
    async def many(payload: Any, io: IO) -> bool:
        got = await asyncio.gather(*(io.run_task(["n", n], lambda n=n: {"n": n}) for n in range(100)))
        await io.wait("gate", 0.005)
        return got == [{"n": n} for n in range(100)]

    assert await app.result(many) is True


async def test_what_parse_output_returns_is_decoded_not_what_is_stored(app: App) -> None:
    def parse(stored: Any) -> Any:
        return {"orderId": 3, "placedAt": "2024-01-01T00:00:00Z", "total": {"amount": stored["sum"]}}

    @app.job
    async def parsing(payload: Any, io: IO) -> bool:
        order = await io.run_task("order", lambda: {"sum": "4"}, parse_output=parse, as_type=shapes.Order)
        await io.wait("gate", 0.005)
        return isinstance(order, shapes.Order) and order.total.amount == 4

    run = await app.run(parsing)
    assert (run.status, run.output) == ("SUCCESS", True)
    assert task_of(run, "order").output == {"sum": "4"}


async def test_what_is_not_for_showing_is_seen_by_the_job_alone(app: App) -> None:
    seen: list[Any] = []

    @app.job
    async def asking(payload: Any, io: IO) -> int:
        made = {"user": {"token": "s3cr3t", "name": "Ada"}, "list": [1]}
        redact = ["user.token", "list.0", "nowhere"]
        seen.append(await io.run_task("sign in", lambda: made, redact=redact))
        await io.run_task("nothing", lambda: None, redact=["user"])
        await io.wait("gate", 0.005)
        return len(seen)

    run = await app.run(asking)
    assert run.status == "SUCCESS"
    assert task_of(run, "sign in").output == {"user": {"token": "[REDACTED]", "name": "Ada"}, "list": [1]}
    assert task_of(run, "nothing").output is None
    assert all(one["user"]["token"] == "s3cr3t" for one in seen)


async def test_what_never_returns_needs_no_type_of_its_result(app: App) -> None:
    def decline() -> NoReturn:
        raise PaymentDeclined("card")

    @app.job
    async def paying(payload: Any, io: IO) -> str:
        try:
            await io.run_task("pay", decline)
        except PaymentDeclined:
            return "declined"

    run = await app.run(paying)
    assert (run.status, run.output) == ("SUCCESS", "declined")
