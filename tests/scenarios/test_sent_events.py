"""Events that runs send: each once, however often the run is executed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, Event, event_trigger
from perdure.errors import InvalidArgumentError, ValueTooLargeError
from tests.scenarios import shapes
from tests.scenarios.app import PATIENCE, SUSPENDS, App, Gate, task_of


class Listener:
    """A job that takes down what it is started with."""

    def __init__(self, app: App, name: str | list[str], **options: Any) -> None:
        self.heard: list[Any] = []
        self.contexts: list[Any] = []
        self._changed = asyncio.Condition()

        async def listening(payload: Any, io: IO, ctx: Any) -> None:
            async def note() -> None:
                async with self._changed:
                    self.heard.append(payload)
                    self.contexts.append(ctx)
                    self._changed.notify_all()

            await io.run_task("note", note)

        app.job(listening, trigger=event_trigger(name, **options))

    async def hears(self, count: int) -> None:
        """Wait until so many have been heard."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: len(self.heard) >= count)


async def test_an_event_from_a_run_starts_another_job_exactly_once(app: App) -> None:
    listener = Listener(app, "order.placed")

    @app.job
    async def placing(payload: Any, io: IO) -> str:
        sent = await io.send_event("tell", name="order.placed", payload={"id": 5}, context={"by": "placing"})
        await io.wait("w", 0.01)
        await io.wait("w2", 0.02)
        return sent.id

    async with app.start():
        run = await app.finish(await app.client.invoke(placing))
        await listener.hears(1)
        # Nothing else is in line once an event that was sent last has arrived.
        await app.client.send_event(name="order.placed", payload="last")
        await listener.hears(2)
    assert run.status == "SUCCESS"
    assert listener.heard == [{"id": 5}, "last"]
    assert listener.contexts[0].event.id == run.output
    assert listener.contexts[0].event.name == "order.placed"
    assert listener.contexts[0].event.context == {"by": "placing"}


async def test_a_run_may_end_while_the_runs_it_started_go_on(app: App) -> None:
    release = asyncio.Event()

    @app.job
    async def child(payload: Any, io: IO) -> str:
        async def body() -> str:
            await release.wait()
            return "child"

        return await io.run_task("long", body)

    @app.job(trigger=event_trigger("go"))
    async def listening(payload: Any, io: IO) -> str:
        async def body() -> str:
            await release.wait()
            return "listener"

        return await io.run_task("long", body)

    @app.job
    async def parent(payload: Any, io: IO) -> str:
        await io.send_event("tell", name="go")
        handle = await io.invoke("start", child)
        return handle.id

    async with app.start():
        run = await app.finish(await app.client.invoke(parent))
        assert (run.status, run.error) == ("SUCCESS", None)
        release.set()
        run = await app.finish(run.output)
    assert (run.status, run.output) == ("SUCCESS", "child")


async def test_the_record_of_an_event_is_the_same_in_every_execution(app: App) -> None:
    seen: list[Any] = []

    @app.job
    async def sending(payload: Any, io: IO) -> None:
        seen.append(await io.send_event("one", name="e", payload={"n": 1}, source="mine", account_id="acc"))
        seen.append(await io.send_events("two", [Event("f", payload=[1]), {"name": "g", "context": {"c": 1}}]))
        await io.wait("w", SUSPENDS)

    run = await app.run(sending)
    assert run.status == "SUCCESS"
    record, (first, second) = seen[:2]
    assert seen[2:] == ([record, [first, second]] if app.force_replay else [])
    assert (record.name, record.payload, record.source, record.account_id) == ("e", {"n": 1}, "mine", "acc")
    assert record.timestamp.tzinfo is not None
    assert record.delivered_at is not None
    assert (first.payload, first.source, second.context) == ([1], "trigger.dev", {"c": 1})
    assert len({record.id, first.id, second.id}) == 3


async def test_events_without_an_id_of_different_tasks_are_different_events(app: App) -> None:
    listener = Listener(app, "tick")

    @app.job
    async def ticking(payload: Any, io: IO) -> None:
        for number in range(3):
            await io.send_event(["tick", number], name="tick", payload=number)
            await io.wait(["w", number], 0.002)

    async with app.start():
        await app.finish(await app.client.invoke(ticking))
        await listener.hears(3)
    assert sorted(listener.heard) == [0, 1, 2]


async def test_an_event_with_an_id_that_exists_is_the_first_one(app: App) -> None:
    listener = Listener(app, "e")

    @app.job
    async def sending(payload: Any, io: IO) -> list[Any]:
        one = await io.send_event("one", name="e", payload=1, id="same")
        two = await io.send_event("two", name="e", payload=2, id="same")
        return [one.payload, two.payload, one.id, two.id]

    async with app.start():
        run = await app.finish(await app.client.invoke(sending))
        await listener.hears(1)
        await app.client.send_event(name="e", payload="last")
        await listener.hears(2)
    assert run.output == [1, 1, "same", "same"]
    assert listener.heard == [1, "last"]


async def test_an_event_is_delivered_later_if_asked(app: App) -> None:
    listener = Listener(app, "later")

    @app.job
    async def sending(payload: Any, io: IO) -> list[bool]:
        after = await io.send_event("after", name="later", payload="after", deliver_after=0.05)
        at = await io.send_event("at", name="later", payload="at", deliver_at=datetime.now(UTC) + timedelta(hours=1))
        return [after.delivered_at is None, at.delivered_at is None]

    async with app.start():
        run = await app.finish(await app.client.invoke(sending))
        await listener.hears(1)
    assert run.output == [True, True]
    assert listener.heard == ["after"]


async def test_only_matching_events_start_a_job(app: App) -> None:
    listener = Listener(app, ["user.created", "user.updated"], filter={"email": [{"$endsWith": "@example.com"}]})
    async with app.start():
        for name, payload, source in [
            ("user.created", {"email": "a@example.com"}, None),
            ("user.created", {"email": "b@other.com"}, None),
            ("user.deleted", {"email": "c@example.com"}, None),
            ("user.updated", {"email": "d@example.com"}, "elsewhere"),
            ("user.updated", {"email": "e@example.com"}, None),
        ]:
            await app.client.send_event(name=name, payload=payload, source=source)
        await listener.hears(2)
    assert sorted(one["email"] for one in listener.heard) == ["a@example.com", "e@example.com"]


async def test_models_are_sent_by_alias(app: App) -> None:
    listener = Listener(app, "row")

    @app.job
    async def sending(payload: Any, io: IO) -> None:
        await io.send_event("e", name="row", payload=shapes.Row(7))

    async with app.start():
        await app.finish(await app.client.invoke(sending))
        await listener.hears(1)
    assert listener.heard == [{"rowId": 7, "seenAt": None}]


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": ""},
        {"name": "x" * 513},
        {"name": "line\nbreak"},
        {"name": "e", "deliver_after": -1},
        {"name": "e", "deliver_at": datetime(2030, 1, 1)},  # noqa: DTZ001 — what is refused
        {"name": "e", "timestamp": datetime(2030, 1, 1)},  # noqa: DTZ001
        {"name": "e", "deliver_after": 1, "deliver_at": datetime(2030, 1, 1, tzinfo=UTC)},
        {"name": "e", "id": ""},
    ],
    ids=str,
)
async def test_an_event_outside_its_limits_is_refused_everywhere(app: App, arguments: dict[str, Any]) -> None:
    @app.job
    async def sending(payload: Any, io: IO) -> str:
        try:
            await io.send_event("e", **arguments)
        except InvalidArgumentError as error:
            return error.code
        return "no error"

    async with app.start():
        handle = await app.client.invoke(sending)
        assert await handle.result(timeout=PATIENCE) == "invalid_argument"
        with pytest.raises(InvalidArgumentError):
            await app.client.send_event(**arguments)


async def test_a_payload_over_half_a_mebibyte_is_too_large_and_sends_nothing(app: App) -> None:
    listener = Listener(app, "large")

    @app.job
    async def sending(payload: Any, io: IO) -> str:
        fits = "é" * (256 * 1024 - 1)
        try:
            await io.send_events("e", [Event("large", payload=fits), Event("large", payload=fits + "xx")])
        except ValueTooLargeError as error:
            return error.code
        return "no error"

    async with app.start():
        handle = await app.client.invoke(sending)
        assert await handle.result(timeout=PATIENCE) == "value_too_large"
        await app.client.send_event(name="large", payload="é" * (256 * 1024 - 1))
        await listener.hears(1)
    assert len(listener.heard) == 1


async def test_a_disabled_job_is_not_started_by_events(app: App) -> None:
    started: list[str] = []

    @app.job(trigger=event_trigger("e"), enabled=False)
    async def disabled(payload: Any) -> None:
        started.append("disabled")

    listener = Listener(app, "e")
    async with app.start():
        await app.client.send_event(name="e")
        await listener.hears(1)
        await app.client.send_event(name="e")
        await listener.hears(2)
    assert started == []


async def test_an_event_with_other_params_on_replay_gives_the_first_record(durable_app: App) -> None:
    gate = Gate()
    number = [1]

    @durable_app.job
    async def sending(payload: Any, io: IO) -> Any:
        sent = await io.send_event("e", name="e", payload=number[0])
        await io.run_task("gate", gate)
        return sent.payload

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(sending)
        await gate.wait()
    number[0] = 2
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", 1)
    assert task_of(run, "e").params["payload"] == 1
