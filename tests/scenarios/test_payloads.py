"""Payloads: read by the job's schema, by alias; one that does not fit ends the run and says where."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from perdure import IO, event_trigger, invoke_trigger
from perdure.errors import InvalidArgumentError, InvokedRunFailedError
from tests.scenarios import shapes
from tests.scenarios.app import PATIENCE, SUSPENDS, App


class Strict(BaseModel):
    name: str
    ages: list[int]

    @field_validator("name")
    @classmethod
    def refuse(cls, value: str) -> str:
        if value == "crash":
            raise KeyError(value)
        if value == "refuse":
            raise ValueError("not this one")
        return value


async def test_a_payload_is_read_as_the_parameter_is_annotated(app: App) -> None:
    @app.job
    async def ordering(payload: shapes.Order, io: IO) -> list[Any]:
        await io.wait("w", 0.002)
        return [payload.order_id, type(payload).__name__, payload.total.currency]

    async with app.start():
        sent = {"orderId": 5, "placedAt": "2024-01-01T00:00:00Z", "total": {"amount": "1"}}
        handle = await app.client.invoke(ordering, sent)
        assert await handle.result(timeout=PATIENCE) == [5, "Order", "EUR"]
        model = shapes.Order.model_validate(sent)
        handle = await app.client.invoke(ordering, model)
        assert await handle.result(timeout=PATIENCE) == [5, "Order", "EUR"]


@pytest.mark.parametrize(
    ("payload", "path", "places"),
    [
        ({"ages": []}, "name", 1),
        ({"name": "x", "ages": [1, "two"]}, "ages.1", 1),
        ({"name": 5, "ages": "none"}, "name", 2),
        ([], "payload", 1),
        (None, "name", 2),
        ({"name": "refuse", "ages": []}, "not this one", 1),
        ({"name": "crash", "ages": []}, "crash", 1),
    ],
    ids=str,
)
async def test_a_payload_that_does_not_fit_ends_the_run_before_the_job_and_names_the_path(
    app: App, payload: Any, path: str, places: int
) -> None:
    entered: list[int] = []

    @app.job
    async def strict(payload: Strict, io: IO) -> None:
        entered.append(1)

    async with app.start():
        handle = await app.client.invoke(strict, payload)
        with pytest.raises(InvokedRunFailedError) as caught:
            await handle.result(timeout=PATIENCE)
        run = await app.finish(handle)
    assert caught.value.status == "INVALID_PAYLOAD"
    assert (run.status, run.output) == ("INVALID_PAYLOAD", None)
    assert run.error is not None
    assert path in run.error.message
    assert run.error.message.count(";") == places - 1
    assert entered == []


async def test_an_event_whose_payload_does_not_fit_is_taken_and_its_run_ends(app: App) -> None:
    seen: list[str] = []

    @app.job(trigger=event_trigger("e", schema=Strict))
    async def strict(payload: Strict, io: IO, ctx: Any) -> None: ...

    @app.job(trigger=event_trigger("e"))
    async def loose(payload: dict[str, Any], io: IO, ctx: Any) -> str:
        seen.append("loose")
        return ctx.event.id

    async with app.start():
        event = await app.client.send_event(name="e", payload={"name": 1})
        assert event.delivered_at is not None
        # The loose job's run is not the worse for it.
        handle = await app.client.invoke(loose)
        await handle.result(timeout=PATIENCE)
    assert seen


@pytest.mark.parametrize("annotation", [dict, Any, object, dict[str, Any]], ids=str)
async def test_without_a_schema_any_payload_is_taken(app: App, annotation: Any) -> None:
    async def loose(payload: Any) -> Any:
        return payload

    loose.__annotations__["payload"] = annotation
    job = app.job(loose)
    payloads = [[1], "text", 5, {"any": "thing"}, None]
    async with app.start():
        got = [await (await app.client.invoke(job, payload)).result(timeout=PATIENCE) for payload in payloads]
    assert got == [*payloads[:-1], {}]


async def test_the_schema_may_be_given_with_the_trigger(app: App) -> None:
    @app.job(trigger=invoke_trigger(schema=dict[str, date]))
    async def dated(payload, io: IO) -> list[str]:  # type: ignore[no-untyped-def]
        return [type(one).__name__ for one in payload.values()]

    assert await app.result(dated, {"at": "2024-01-01"}) == ["date"]


def test_a_schema_and_another_annotation_are_refused() -> None:
    app = App("sqlite://", force_replay=False)
    with pytest.raises(InvalidArgumentError, match="schema"):

        @app.job(trigger=invoke_trigger(schema=Strict))
        async def confused(payload: shapes.Order) -> None: ...


async def test_a_changed_payload_object_is_itself_again_in_the_next_execution(app: App) -> None:
    seen: list[list[int]] = []

    @app.job
    async def changing(payload: dict[str, list[int]], io: IO) -> None:
        seen.append(list(payload["n"]))
        payload["n"].append(2)
        await io.wait("w", SUSPENDS)

    await app.run(changing, {"n": [1]})
    assert seen == [[1]] * (2 if app.force_replay else 1)
