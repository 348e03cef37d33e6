"""Looking events up and cancelling them, in runs and from outside."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, EventDetails, EventRecord, event_trigger
from perdure.errors import AlreadyDeliveredError, InvalidArgumentError, NotFoundError
from tests.scenarios.app import PATIENCE, SUSPENDS, App, task_of


def listen(app: App) -> asyncio.Queue[Any]:
    """Declare a job that starts with events of its name; what it was given."""
    heard: asyncio.Queue[Any] = asyncio.Queue()

    @app.job(trigger=event_trigger("go"))
    async def listening(payload: Any) -> None:
        heard.put_nowait(payload)

    return heard


async def test_an_event_is_looked_up_with_its_runs(app: App) -> None:
    listen(app)
    async with app.start():
        sent = await app.client.send_event(id="e", name="go", payload={"n": 1}, account_id="acc")
        first = await app.client.get_event("e")
        await app.finish(first.runs[0].id)
        event = await app.client.get_event("e")

    assert isinstance(event, EventDetails)
    assert EventRecord(**{name: getattr(event, name) for name in EventRecord.__struct_fields__}) == sent
    assert (event.payload, event.account_id) == ({"n": 1}, "acc")
    (run,) = event.runs
    assert (run.job_id, run.status) == ("listening", "SUCCESS")
    assert run.started_at is not None
    assert run.completed_at is not None
    assert event.created_at == event.updated_at == sent.delivered_at


async def test_a_cancelled_event_starts_nothing(app: App) -> None:
    heard = listen(app)
    async with app.start():
        await app.client.send_event(id="e", name="go", payload="cancelled", deliver_after=0.05)
        cancelled = await app.client.cancel_event("e")
        assert await app.client.cancel_event("e") == cancelled
        assert await app.client.send_event(id="e", name="go", payload="again") == cancelled
        # Another event, due after it, arrives.
        await app.client.send_event(id="last", name="go", payload="last", deliver_after=0.1)
        assert await asyncio.wait_for(heard.get(), PATIENCE) == "last"
        assert (await app.client.get_event("e")).runs == ()

    assert cancelled.cancelled_at is not None
    assert cancelled.delivered_at is None
    assert heard.empty()


async def test_a_run_sends_an_event_for_later_and_takes_it_back(app: App) -> None:
    heard = listen(app)
    records: list[Any] = []

    @app.job
    async def changing(payload: Any, io: IO) -> str:
        await io.send_event("🚚", id="e_1", name="go", deliver_at=datetime.now(UTC) + timedelta(days=1))
        records.append(await io.get_event("📥", "e_1"))
        records.append(await io.cancel_event("🚫", "e_1"))
        records.append(await io.cancel_event("🚫 again", "e_1"))
        await io.wait("w", SUSPENDS)
        return (await io.get_event(event_id="e_1")).id

    run = await app.run(changing)
    assert (run.status, run.output) == ("SUCCESS", "e_1")
    before, cancelled, again = records[:3]
    assert records[3:] == (records[:3] if app.force_replay else [])
    assert isinstance(before, EventDetails)
    assert (before.cancelled_at, before.delivered_at, before.runs) == (None, None, ())
    assert cancelled == again
    assert cancelled.cancelled_at is not None
    assert heard.empty()
    task = task_of(run, "🚫")
    assert (task.operation, task.name, task.params) == ("cancel_event", "Cancel Event", {"id": "e_1"})
    assert task.properties == ({"label": "id", "text": "e_1"},)


async def test_what_cannot_be_cancelled_raises_the_same_error_on_every_replay(app: App) -> None:
    told: list[str] = []

    @app.job
    async def late(payload: Any, io: IO) -> None:
        sent = await io.send_event("e", name="go")
        for key, event_id in (("delivered", sent.id), ("unknown", "never sent")):
            try:
                await io.cancel_event(key, event_id)
            except (AlreadyDeliveredError, NotFoundError) as error:
                told.append(f"{key} {error.code}")
        try:
            await io.get_event("get", "never sent")
        except NotFoundError as error:
            told.append(f"get {error.code}")
        await io.wait("w", SUSPENDS)

    run = await app.run(late)
    expected = ["delivered already_delivered", "unknown not_found", "get not_found"]
    assert run.status == "SUCCESS"
    assert told == expected * (2 if app.force_replay else 1)


async def test_an_event_that_was_delivered_or_is_unknown_cannot_be_cancelled_from_outside(app: App) -> None:
    async with app.start():
        await app.client.send_event(id="e", name="go")
        with pytest.raises(AlreadyDeliveredError):
            await app.client.cancel_event("e")
        for call in (app.client.cancel_event, app.client.get_event):
            with pytest.raises(NotFoundError):
                await call("never sent")


@pytest.mark.parametrize("event_id", ["", "a\nb", "\ud800", "x" * 2001, 5, None])
async def test_what_can_be_no_id_of_an_event_is_refused(app: App, event_id: Any) -> None:
    @app.job
    async def asking(payload: Any, io: IO) -> list[str]:
        told: list[str] = []
        for call in (io.get_event, io.cancel_event):
            try:
                await call("k", event_id)
            except InvalidArgumentError as error:
                told.append(error.code)
        return told

    async with app.start():
        handle = await app.client.invoke(asking)
        assert await handle.result(timeout=PATIENCE) == ["invalid_argument"] * 2
        for call in (app.client.get_event, app.client.cancel_event):
            with pytest.raises(InvalidArgumentError):
                await call(event_id)


async def test_more_than_a_thousand_events_and_a_delay_over_a_year_are_refused(app: App) -> None:
    async with app.start():
        with pytest.raises(InvalidArgumentError, match="1,000"):
            await app.client.send_events([{"name": "go", "id": f"e{number}"} for number in range(1001)])
        with pytest.raises(NotFoundError):
            await app.client.get_event("e0")
        with pytest.raises(InvalidArgumentError, match="a year"):
            await app.client.send_event(name="go", deliver_after=timedelta(days=365, seconds=1))
        later = await app.client.send_event(name="go", deliver_at=datetime.now(UTC) + timedelta(days=800))
        assert later.delivered_at is None


def test_events_are_looked_up_and_cancelled_by_blocking_calls(app: App) -> None:
    with app.start_background():
        calls = app.client.sync
        sent = calls.send_event(id="e", name="go", deliver_after=60)
        assert calls.get_event("e").deliver_at == sent.deliver_at
        assert calls.cancel_event("e").cancelled_at is not None
