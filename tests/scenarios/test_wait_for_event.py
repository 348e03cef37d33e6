"""`io.wait_for_event`: the first event that matches, sent after the wait is stored."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, Field

from perdure import IO, ReceivedEvent, event_trigger
from perdure.errors import InvalidArgumentError, InvalidFilterError, PayloadValidationError, WaitTimeoutError
from tests.scenarios.app import PATIENCE, App


class User(BaseModel):
    id: str
    is_admin: bool = Field(alias="isAdmin")


def waiter(app: App, **arguments: Any) -> Any:
    """A job that waits for ``user.created`` and gives the payload."""

    @app.job
    async def wait_for_user(payload: Any, io: IO) -> Any:
        return (await io.wait_for_event("🥂", **({"name": "user.created"} | arguments))).payload

    return wait_for_user


async def test_an_event_ends_the_wait_with_all_that_was_sent(app: App) -> None:
    @app.job
    async def wait_for_user(payload: Any, io: IO) -> list[Any]:
        event = await io.wait_for_event("🥂", name="user.created", schema=User, account_id="acme")
        await io.wait("⏰", 0.01)
        assert isinstance(event, ReceivedEvent)
        assert isinstance(event.payload, User)
        return [
            event.id,
            event.name,
            event.source,
            event.payload.id,
            event.payload.is_admin,
            event.context,
            event.timestamp.isoformat(),
            event.account_id,
        ]

    async with app.start():
        handle = await app.client.invoke(wait_for_user)
        await app.says(handle, "waits for wait_for_event '🥂'")
        await app.client.send_event(
            id="e1",
            name="user.created",
            payload={"id": "u1", "isAdmin": True},
            context={"ip": "::1"},
            timestamp=datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
            account_id="acme",
        )
        run = await app.finish(handle)
    assert run.output == [
        "e1",
        "user.created",
        "trigger.dev",
        "u1",
        True,
        {"ip": "::1"},
        "2026-01-02T03:04:05.678000+00:00",
        "acme",
    ]


@pytest.mark.parametrize(
    ("arguments", "matching", "other"),
    [
        ({}, {"name": "user.created"}, {"name": "user.Created"}),
        ({"filter": {"id": ["u1"]}}, {"payload": {"id": "u1"}}, {"payload": {"id": "u2"}}),
        ({"filter": {"id": [7]}}, {"payload": {"id": 7.0}}, {"payload": {"id": "7"}}),
        ({"filter": {"isAdmin": [True]}}, {"payload": {"isAdmin": True}}, {"payload": {"isAdmin": 1}}),
        ({"filter": {"id": ["u1", "u3"]}}, {"payload": {"id": "u3"}}, {"payload": {"id": "u2"}}),
        ({"filter": {"n": [{"$gt": 1, "$lt": 5}]}}, {"payload": {"n": 3}}, {"payload": {"n": 7}}),
        (
            {"filter": {"a": {"b": ["x"]}, "n": [{"$gt": 1}]}},
            {"payload": {"a": [{"b": "y"}, {"b": "x"}], "n": 2}},
            {"payload": {"a": {"b": "x"}, "n": 1}},
        ),
        ({"context_filter": {"ip": ["::1"]}}, {"context": {"ip": "::1"}}, {"context": {"ip": "::2"}}),
        ({"source": "crm"}, {"source": "crm"}, {}),
        ({}, {}, {"source": "crm"}),
        ({"account_id": "acme"}, {"account_id": "acme"}, {"account_id": "other"}),
        ({"account_id": "acme"}, {"account_id": "acme"}, {}),
        ({}, {"account_id": "acme"}, {"name": "other"}),
    ],
)
async def test_only_an_event_that_matches_ends_the_wait(
    app: App, arguments: dict[str, Any], matching: dict[str, Any], other: dict[str, Any]
) -> None:
    @app.job
    async def wait_for_user(payload: Any, io: IO) -> str:
        return (await io.wait_for_event("🥂", **({"name": "user.created"} | arguments))).id

    async with app.start():
        handle = await app.client.invoke(wait_for_user)
        await app.says(handle, "waits for")
        await app.client.send_event(**({"name": "user.created", "id": "other"} | other))
        await app.client.send_event(**({"name": "user.created", "id": "matching"} | matching))
        run = await app.finish(handle)
    assert run.output == "matching"


@pytest.mark.parametrize("wanted", ["x", "cut \ud83d"], ids=["whole", "cut"])
async def test_events_and_filters_may_have_halves_of_surrogate_pairs(app: App, wanted: str) -> None:
    waiting = waiter(app, filter={"cut \ud83d": [wanted]})
    async with app.start():
        handle = await app.client.invoke(waiting)
        await app.says(handle, "waits for wait_for_event '🥂'")
        for value in ("cut \ud83e", "cut \ufffd", "cut \\ud83d", wanted):
            await app.client.send_event(name="user.created", payload={"cut \ud83d": value})
        run = await app.finish(handle)
    assert (run.status, run.output) == ("SUCCESS", {"cut \ud83d": wanted})


async def test_an_event_sent_before_the_wait_does_not_count(app: App) -> None:
    job = waiter(app, timeout=0.05)
    async with app.start():
        await app.client.send_event(name="user.created")
        run = await app.finish(await app.client.invoke(job))
    assert run.error is not None
    assert run.error.name == "WaitTimeoutError"


async def test_an_event_delivered_later_ends_the_wait_then(app: App) -> None:
    job = waiter(app)
    async with app.start():
        handle = await app.client.invoke(job)
        await app.says(handle, "waits for")
        sent = await app.client.send_event(name="user.created", payload={"id": 1}, deliver_after=0.05)
        run = await app.finish(handle)
    assert run.output == {"id": 1}
    assert run.completed_at is not None
    assert run.completed_at >= sent.deliver_at


async def test_an_event_sent_by_a_run_ends_the_wait_of_another(app: App) -> None:
    job = waiter(app)

    @app.job
    async def sender(payload: Any, io: IO) -> None:
        await io.send_event("🚚", name="user.created", payload={"id": 1})

    async with app.start():
        handle = await app.client.invoke(job)
        await app.says(handle, "waits for")
        await app.client.invoke(sender)
        run = await app.finish(handle)
    assert run.output == {"id": 1}


async def test_one_event_starts_jobs_and_ends_waits(app: App) -> None:
    job = waiter(app)

    @app.job(trigger=event_trigger("user.created"))
    async def greeter(payload: Any) -> str:
        return f"hello {payload['id']}"

    async with app.start():
        waits = [await app.client.invoke(job) for _ in range(3)]
        for handle in waits:
            await app.says(handle, "waits for")
        await app.client.send_event(name="user.created", payload={"id": 1})
        assert [(await app.finish(handle)).output for handle in waits] == [{"id": 1}] * 3
        (greeted,) = await _runs_of(app, "greeter")
        assert (await app.finish(greeted)).output == "hello 1"


async def _runs_of(app: App, job_id: str) -> list[str]:
    """The ids of a job's runs, by the event's answer."""
    storage = app.node._embedded.storage  # type: ignore[attr-defined]

    async def ask(tx: Any) -> list[str]:
        rows = tx._execute("SELECT r.id FROM runs r JOIN jobs j USING (job_no) WHERE j.id = ?", (job_id,)).fetchall()
        return [row[0] for row in rows]

    return await storage.read(ask)  # type: ignore[no-any-return]


async def test_an_event_ends_more_waits_than_one_transaction(app: App) -> None:
    @app.job
    async def crowd(payload: Any, io: IO) -> int:
        async def wait_for_it(item: int, index: int) -> str:
            return (await io.wait_for_event(["🥂", item], name="go")).id

        return len(set(await io.parallel("all", range(1203), wait_for_it)))

    async with app.start():
        handle = await app.client.invoke(crowd)
        await app.says(handle, "waits for wait_for_event")
        await app.client.send_event(name="go", id="one")
        run = await app.finish(handle)
    assert (run.status, run.output) == ("SUCCESS", 1)


async def test_the_same_event_sent_again_ends_no_second_wait(app: App) -> None:
    @app.job
    async def twice(payload: Any, io: IO) -> list[str]:
        first = await io.wait_for_event("first", name="go")
        second = await io.wait_for_event("second", name="go")
        return [first.id, second.id]

    async with app.start():
        handle = await app.client.invoke(twice)
        await app.says(handle, "'first'")
        await app.client.send_event(name="go", id="e1")
        await app.says(handle, "'second'")
        await app.client.send_event(name="go", id="e1")
        await app.client.send_event(name="go", id="e2")
        run = await app.finish(handle)
    assert run.output == ["e1", "e2"]


async def test_no_event_in_time_is_an_error_that_is_raised_on_every_replay(app: App) -> None:
    @app.job
    async def impatient(payload: Any, io: IO) -> str:
        try:
            await io.wait_for_event("🥂", name="never", timeout=0.02)
        except WaitTimeoutError:
            await io.wait("⏰", 0.01)
            return "no event"
        return "an event"

    assert (await app.run(impatient)).output == "no event"


async def test_a_payload_that_does_not_fit_is_the_jobs_to_deal_with(app: App) -> None:
    @app.job
    async def strict(payload: Any, io: IO) -> str:
        try:
            await io.wait_for_event("🥂", name="user.created", schema=User)
        except PayloadValidationError as error:
            await io.wait("⏰", 0.01)
            return f"{error.message.partition(' The')[0]} {error.issues[0].path}"
        return "fits"

    async with app.start():
        handle = await app.client.invoke(strict)
        await app.says(handle, "waits for")
        await app.client.send_event(name="user.created", payload={"id": "u1"})
        run = await app.finish(handle)
    assert run.output == "wait_for_event '🥂': ('isAdmin',)"


async def test_the_first_of_two_waits_goes_on_and_the_other_still_waits(app: App) -> None:
    @app.job
    async def race(payload: Any, io: IO) -> list[str]:
        both = [asyncio.create_task(io.wait_for_event(name, name=name, timeout=None)) for name in ("left", "right")]
        done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        # Which came first is a fact of the first execution: a replay finds both.
        winner = await io.run_task("winner", lambda: [one.result().name for one in done])
        return [*winner, (await both[0]).name]

    async with app.start():
        handle = await app.client.invoke(race)
        await app.says(handle, "and for others")
        await app.client.send_event(name="right")
        await app.says(handle, "waits for wait_for_event 'left'")
        await app.client.send_event(name="left")
        run = await app.finish(handle)
    assert run.output == ["right", "left"]


async def test_a_wait_outlives_a_restart(durable_app: App) -> None:
    job = waiter(durable_app, filter={"id": ["u1"]})
    async with durable_app.start():
        handle = await durable_app.client.invoke(job)
        await durable_app.says(handle, "waits for")
    async with durable_app.start():
        await durable_app.client.send_event(name="user.created", payload={"id": "u1"})
        run = await durable_app.finish(handle)
    assert run.output == {"id": "u1"}


async def test_a_cancelled_run_waits_no_more(app: App) -> None:
    job = waiter(app, timeout=None)
    async with app.start():
        handle = await app.client.invoke(job)
        await app.says(handle, "waits for")
        cancelled = await app.client.cancel_run(handle.id)
        await app.client.send_event(name="user.created")
        assert (await app.client.get_run(handle.id)).tasks == cancelled.tasks


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        ({"name": ""}, InvalidArgumentError, "name is a text"),
        ({"name": "a\nb"}, InvalidArgumentError, "control characters"),
        ({"name": "x", "filter": {"a": [{"$regex": "(a+)+$"}]}}, InvalidFilterError, "filter.a"),
        ({"name": "x", "filter": {"a": [1, "x"]}}, InvalidFilterError, "filter.a"),
        ({"name": "x", "filter": [1]}, InvalidFilterError, "filter"),
        ({"name": "x", "context_filter": {"a": [{"$between": [5]}]}}, InvalidFilterError, "context_filter.a"),
        ({"name": "x", "source": ""}, InvalidArgumentError, "source is a text"),
        ({"name": "x", "account_id": "x" * 1001}, InvalidArgumentError, "account_id is a text"),
        ({"name": "x", "timeout": float("nan")}, InvalidArgumentError, "timeout is a duration"),
    ],
)
async def test_a_wrong_argument_is_refused_before_anything_is_stored(
    app: App, arguments: dict[str, Any], error: type[InvalidArgumentError], complaint: str
) -> None:
    @app.job
    async def wrong(payload: Any, io: IO) -> list[str]:
        try:
            await io.wait_for_event("🥂", **arguments)
        except InvalidArgumentError as caught:
            return [type(caught).__name__, caught.message]
        return []

    run = await app.run(wrong)
    assert run.output[0] == error.__name__
    assert complaint in run.output[1]
    assert run.tasks == ()


async def test_a_wait_that_ends_before_the_code_comes_to_it_again_lets_its_branch_go_on_at_once(app: App) -> None:
    entries: list[int] = []
    gone_on = asyncio.Event()

    @app.job
    async def branching(payload: Any, io: IO) -> list[Any]:
        entries.append(1)
        if len(entries) == 2:
            # Replayed: what the wait was for comes before the code has come to it.
            await io.send_event("send", name="came", payload=1)

        async def waits() -> Any:
            event = await io.wait_for_event("event", name="came")
            gone_on.set()
            return event.payload

        async def body(task: Any) -> str:
            if task.attempt == 1:
                raise ConnectionError("not now")
            if len(entries) == 1:
                await app.client.send_event(name="came", payload=1)
            await asyncio.wait_for(gone_on.wait(), PATIENCE)
            return "done"

        return list(await asyncio.gather(waits(), io.run_task("body", body, retry={"limit": 2, "min_timeout": 0.05})))

    run = await app.run(branching)
    assert (run.status, run.output) == ("SUCCESS", [1, "done"]), run.error
    assert len(entries) == (2 if app.force_replay else 1)
