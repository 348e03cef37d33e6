"""The rest of the task library for plain jobs: each call gives what it gives an async job, again on every replay."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from perdure import Event, FetchResponse, RunHandle, SyncIO, SyncRunHandle, SyncStatus, event_trigger
from perdure.errors import (
    AlreadyDeliveredError,
    FetchFailedError,
    InvokedRunFailedError,
    NotFoundError,
    PollTimeoutError,
    UseIoError,
)
from tests.scenarios import shapes
from tests.scenarios.app import PATIENCE, App, task_of
from tests.scenarios.target import Reply, target


async def test_values_of_chance_and_time_stay_the_same(app: App) -> None:
    seen: list[list[Any]] = []

    @app.job
    def drawing(payload: Any, io: SyncIO) -> bool:
        seen.append([io.random("r"), io.random("n", min=1, max=6, round=True), io.uuid("u"), io.now("t")])
        io.yield_execution()
        return True

    await app.run(drawing)
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert [type(one) for one in seen[0]] == [float, int, UUID, datetime]


async def test_stores_of_values(app: App) -> None:
    @app.job
    def storing(payload: Any, io: SyncIO) -> list[Any]:
        kept = io.store.env.set("set", "money", shapes.Money(amount="1.50"))  # type: ignore[arg-type]
        io.store.job.set("set job", "n", 1)
        io.store.run.set("set run", "n", 2)
        io.wait("w", 0.002)
        got = io.store.env.get("get", "money", as_type=shapes.Money)
        assert got == shapes.Money(amount="1.50")  # type: ignore[arg-type]
        return [
            kept,
            io.store.job.get("get job", "n"),
            io.store.run.get("get run", "n"),
            io.store.run.has("has", "n"),
            io.store.run.delete("delete", "n"),
            io.store.run.has("has no more", "n"),
            io.store.run.get("get none", "n"),
        ]

    run = await app.run(storing)
    assert run.output == [{"amount": "1.50", "currency": "EUR"}, 1, 2, True, True, False, None]


async def test_statuses_are_updated_by_calls_that_block(app: App) -> None:
    @app.job
    def showing(payload: Any, io: SyncIO) -> list[Any]:
        status = io.create_status("progress", label="Begun", state="loading", data={"n": 1})
        assert isinstance(status, SyncStatus)
        io.wait("w", 0.002)
        done = status.update("done", state="success", data={"n": 2})
        same = io.create_status("progress", label="Begun", state="loading", data={"n": 1})
        return [status.label, status.state, done.state, done.data, len(done.history), same == status, same == done]

    async with app.start():
        handle = await app.client.invoke(showing)
        assert await handle.result(timeout=PATIENCE) == ["Begun", "loading", "success", {"n": 2}, 1, True, False]
        (status,) = (await app.client.get_run_statuses(handle.id)).statuses
    assert (status.key, status.label, status.state) == ("progress", "Begun", "success")


async def test_events_are_sent_looked_up_and_cancelled(app: App) -> None:
    @app.job(trigger=event_trigger("told"))
    async def listening(payload: Any) -> None: ...

    @app.job
    def telling(payload: Any, io: SyncIO) -> list[Any]:
        now = io.send_event("now", name="told", payload={"n": 1})
        later = io.send_event("later", name="told", deliver_after=3600)
        both = io.send_events("both", [Event("told"), {"name": "told"}])
        cancelled = io.cancel_event("cancel", later.id)
        try:
            io.cancel_event("too late", now.id)
        except AlreadyDeliveredError as error:
            refused = type(error).__name__
        details = io.get_event("get", now.id)
        try:
            io.get_event("none", "no such event")
        except NotFoundError as error:
            missing = type(error).__name__
        return [cancelled.cancelled_at is not None, refused, len(both), len(details.runs), missing]

    run = await app.run(telling)
    assert run.output == [True, "AlreadyDeliveredError", 2, 1, "NotFoundError"]


async def test_other_jobs_are_started_and_waited_for(app: App) -> None:
    @app.job
    def doubling(payload: int, io: SyncIO) -> int:
        io.wait("w", 0.002)
        return 2 * payload

    @app.job
    def failing(payload: int, io: SyncIO) -> int:
        raise ValueError(f"no {payload}")

    @app.job
    def asking(payload: Any, io: SyncIO) -> list[Any]:
        handle = io.invoke("start", doubling, 1)
        assert isinstance(handle, SyncRunHandle)
        one = io.invoke_and_wait("one", doubling, 2)
        many = io.batch_invoke_and_wait("many", doubling, [3, 4, 5])
        try:
            io.invoke_and_wait("fails", failing, 6)
        except InvokedRunFailedError as error:
            return [io.run_task("answer", handle.result), one, many, str(error.status)]
        return []

    async with app.start():
        handle: RunHandle[Any] = await app.client.invoke(asking)
        assert await handle.result(timeout=PATIENCE) == [2, 4, [6, 8, 10], "FAILURE"]


async def test_requests_are_made_by_the_platform(app: App) -> None:
    @app.job
    def fetching(payload: Any, io: SyncIO) -> list[Any]:
        body = io.background_fetch("body", service.url("/thing"))
        response = io.background_fetch_response("response", service.url("/thing"))
        assert isinstance(response, FetchResponse)
        try:
            io.background_fetch("failed", service.url("/gone"))
        except FetchFailedError as error:
            failed = error.status
        polled = io.background_poll("polled", service.url("/thing"), interval=1, timeout=5)
        try:
            io.background_poll("never", service.url("/gone"), interval=1, timeout=1)
        except PollTimeoutError as error:
            return [body, response.status, failed, polled, type(error).__name__]
        return []

    async with target(thing=Reply({"n": 7}), gone=Reply({"gone": True}, 410)) as service:
        run = await app.run(fetching)
    assert (run.status, run.error) == ("SUCCESS", None)
    assert run.output == [{"n": 7}, 200, 410, {"n": 7}, "PollTimeoutError"]
    assert task_of(run, "body").status == "COMPLETED"


async def test_calls_of_the_client_are_refused_in_a_plain_job_with_their_io_form_and_work_in_its_bodies(
    app: App,
) -> None:
    @app.job(trigger=event_trigger("told"))
    async def listening(payload: Any) -> None: ...

    @app.job
    def telling(payload: Any, io: SyncIO) -> list[Any]:
        refused: list[str] = []
        for call in (
            lambda: app.client.sync.send_event(name="told"),
            lambda: app.client.sync.get_run("run_1"),
            lambda: app.client.sync.update_status("run_1", "progress", label="Done"),
            lambda: app.client.sync.store.env.get("limit"),
        ):
            try:
                call()
            except UseIoError as error:
                refused.append(error.message.partition("use ")[2].partition(",")[0])
        event = io.run_task("tell", lambda: app.client.sync.send_event(name="told", id="from-a-body").id)
        items = io.parallel("p", [1, 2], lambda item, index: io.run_task(["tell", item], look))
        return [refused, event, items]

    def look() -> str:
        return app.client.sync.get_event("from-a-body").name

    run = await app.run(telling)
    assert (run.status, run.error) == ("SUCCESS", None)
    forms = ["io.send_event", "io.run_task", "the update of what io.create_status gives", "io.store.env.get"]
    assert run.output == [forms, "from-a-body", ["told", "told"]]


async def test_calls_made_in_a_thread_can_be_awaited_by_async_bodies_that_get_hold_of_them(app: App) -> None:
    """What a call gives may make calls itself, and end up in an async body."""
    statuses: list[Any] = []

    @app.job
    def mixing(payload: Any, io: SyncIO) -> Any:
        statuses.append(io.create_status("progress", label="Begun"))

        async def body() -> str:
            status = await statuses[-1]._inner.update("awaited", label="Gone on")
            return str(status.label)

        return io.run_task("body", body)

    run = await app.run(mixing)
    assert (run.status, run.output) == ("SUCCESS", "Gone on")


@pytest.mark.parametrize("count", [50])
async def test_many_plain_jobs_wait_for_each_other(app: App, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one thread: whoever waits for another run's end holds none."""
    monkeypatch.setenv("PERDURE_MAX_THREADS", "1")

    @app.job
    def counting(payload: int, io: SyncIO) -> int:
        return 0 if payload == 0 else 1 + io.invoke_and_wait("next", "counting", payload - 1)

    async with app.start():
        handle = await app.client.invoke(counting, count)
        assert await asyncio.wait_for(handle.result(timeout=60), 60) == count
