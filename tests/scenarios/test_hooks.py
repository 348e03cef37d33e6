"""Hooks: functions that are called when runs have ended."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from datetime import date, timedelta
from typing import Any

import pytest

from perdure import IO, Client, RunNotification, event_trigger, invoke_trigger, job
from perdure.engine import deliveries
from perdure.errors import InvalidArgumentError, NotInRunError
from perdure.sdk.current import current
from tests.scenarios.app import PATIENCE, App
from tests.scenarios.errors import PaymentDeclined


class Told:
    """A hook that keeps what it is told."""

    def __init__(self) -> None:
        self.all: list[RunNotification] = []
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    async def __call__(self, notification: RunNotification) -> None:
        self.note(notification)

    def note(self, notification: RunNotification) -> None:
        """Keep it, from whatever thread."""
        self.all.append(notification)
        self._loop.call_soon_threadsafe(self._changed.set)

    async def reach(self, count: int) -> list[RunNotification]:
        """Wait until so many have been told."""
        async with asyncio.timeout(PATIENCE):
            while len(self.all) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.all


async def test_a_job_tells_of_its_success_with_the_output_as_it_declares_it(app: App) -> None:
    told, failed = Told(), Told()

    @app.job(on_success=told, on_failure=failed)
    async def dated(payload: Any, io: IO) -> date:
        await io.create_status("s", label="Half way", state="success")
        return date(2024, 1, 1)

    async with app.start():
        handle = await app.client.invoke(dated, {"n": 1}, context={"c": 1}, account_id="acc")
        (one,) = await told.reach(1)
        run = await app.finish(handle)
    assert (one.ok, one.status, one.output, one.error, one.task) == (True, "SUCCESS", date(2024, 1, 1), None, None)
    assert (one.run.id, one.run.started_at, one.run.completed_at) == (run.id, run.started_at, run.completed_at)
    assert (one.run.is_test, one.run.executions) == (False, 1)
    assert (one.job.id, one.job.version) == ("dated", "1.0.0")
    assert (one.event.payload, one.event.context) == ({"n": 1}, {"c": 1})
    assert one.account is not None
    assert one.account.id == "acc"
    assert [(status.key, status.label, status.state) for status in one.statuses] == [("s", "Half way", "success")]
    assert failed.all == []


async def test_a_job_tells_of_its_failure_with_the_task_that_failed(app: App) -> None:
    told, succeeded = Told(), Told()

    @app.job(on_failure=told, on_success=succeeded)
    async def failing(payload: Any, io: IO) -> None:
        async def charge() -> None:
            raise PaymentDeclined("card 4242")

        await io.run_task("charge", charge, params={"amount": 5}, icon="cash")

    async with app.start():
        await app.client.invoke(failing)
        (one,) = await told.reach(1)
    assert (one.ok, one.status, one.output) == (False, "FAILURE", None)
    assert one.error is not None
    assert (one.error.name, one.error.message) == ("PaymentDeclined", "card 4242")
    task = one.task
    assert task is not None
    assert task.error is not None
    assert (task.key, task.status, task.icon, task.params) == ("charge", "ERRORED", "cash", {"amount": 5})
    assert (task.error.name, task.error.message) == ("PaymentDeclined", "card 4242")
    assert succeeded.all == []


async def test_every_end_but_success_is_a_failure_a_cancellation_too(app: App) -> None:
    told = Told()

    @app.job(on_failure=told)
    async def waiting(payload: dict[str, int], io: IO) -> None:
        await io.wait("w", 3600)

    async with app.start():
        handle = await app.client.invoke(waiting, {"n": 1})
        await app.reach(handle, "WAITING_TO_CONTINUE")
        await handle.cancel()
        await told.reach(1)
        await app.client.invoke(waiting, {"n": "text"})
        await told.reach(2)
    assert [(one.ok, one.status) for one in told.all] == [(False, "CANCELED"), (False, "INVALID_PAYLOAD")]
    assert told.all[0].error is None
    assert told.all[1].error is not None


async def test_a_client_is_told_of_all_its_jobs(app: App) -> None:
    succeeded, failed, own = Told(), Told(), Told()
    app.client.on("run_succeeded", succeeded)
    app.client.on("run_failed", failed)

    @job(id="loose", version="1.0.0", trigger=event_trigger("e"), on_success=own)
    async def loose(payload: Any) -> str:
        return "loose"

    @app.job
    async def works(payload: Any) -> str:
        return "works"

    @app.job
    async def fails(payload: Any) -> None:
        raise PaymentDeclined("no")

    app.client.attach(loose)
    async with app.start():
        await app.client.send_event(name="e")
        await app.client.invoke(works)
        await app.client.invoke(fails)
        await succeeded.reach(2)
        await failed.reach(1)
        await own.reach(1)
    assert {one.output for one in succeeded.all} == {"loose", "works"}
    assert [one.job.id for one in failed.all] == ["fails"]
    assert [one.output for one in own.all] == ["loose"]


async def test_a_plain_hook_runs_in_a_thread_and_no_hook_runs_inside_a_run(app: App) -> None:
    told = Told()
    seen: list[Any] = []

    def plain(notification: RunNotification) -> None:
        seen.append(threading.current_thread() is threading.main_thread())
        with pytest.raises(NotInRunError):
            current()
        app.client.sync.send_event(name="sent.plainly")
        told.note(notification)

    async def asynchronous(notification: RunNotification) -> None:
        with pytest.raises(NotInRunError):
            current()
        await app.client.send_event(name="sent.in.a.coroutine")
        told.note(notification)

    @app.job(on_success=plain)
    async def one(payload: Any) -> None: ...

    @app.job(on_success=asynchronous)
    async def two(payload: Any) -> None: ...

    @app.job(trigger=event_trigger(["sent.plainly", "sent.in.a.coroutine"]), on_success=told)
    async def listens(payload: Any) -> None: ...

    async with app.start():
        await app.client.invoke(one)
        await app.client.invoke(two)
        await told.reach(4)
    assert seen == [False]
    assert sorted(one.job.id for one in told.all) == ["listens", "listens", "one", "two"]


async def test_a_hook_that_failed_is_called_again_and_the_others_are_called_all_the_same(
    app: App, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "delay_after", lambda attempts: timedelta(milliseconds=10))
    told, other = Told(), Told()

    async def flaky(notification: RunNotification) -> None:
        told.note(notification)
        if len(told.all) == 1:
            raise PaymentDeclined("not now")
        if len(told.all) == 2:
            sys.exit(3)

    @app.job(on_success=flaky)
    async def works(payload: Any) -> None: ...

    app.client.on("run_succeeded", other)
    async with app.start():
        await app.client.invoke(works)
        await told.reach(3)
        await other.reach(3)
    assert len({one.run.id for one in told.all}) == 1
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert any("not now" in sentence for sentence in said)
    assert any("sys.exit(3)" in sentence for sentence in said)


async def test_a_hook_that_its_process_did_not_live_to_call_is_called_by_the_next(durable_app: App) -> None:
    app, begun = durable_app, asyncio.Event()

    async def hangs(notification: RunNotification) -> None:
        begun.set()
        await asyncio.Event().wait()

    @app.job(id="works", on_success=hangs)
    async def works(payload: Any) -> int:
        return 5

    async with app.start_and_interrupt():
        handle = await app.client.invoke(works)
        await begun.wait()

    after, told = app.successor(), Told()

    @after.job(id="works", on_success=told)
    async def works_again(payload: Any) -> int:
        return 6

    async with after.start():
        (one,) = await told.reach(1)
    assert (one.run.id, one.output) == (handle.id, 5)


async def test_a_hook_waits_for_its_code(durable_app: App) -> None:
    app, told = durable_app, Told()

    @app.job(id="waits", on_failure=told)
    async def waits(payload: Any, io: IO) -> None:
        await io.wait("w", 3600)

    async with app.start():
        handle = await app.client.invoke(waits)
        await app.reach(handle, "WAITING_TO_CONTINUE")
    without = app.successor()
    async with without.start():
        await without.client.cancel_run(handle.id)
    after = app.successor()

    @after.job(id="waits", on_failure=told)
    async def waits_again(payload: Any, io: IO) -> None: ...

    async with after.start():
        (one,) = await told.reach(1)
    assert (one.run.id, one.status) == (handle.id, "CANCELED")


@pytest.mark.parametrize("hook", [5, "fn", []])
def test_what_is_no_function_is_refused_where_it_is_declared(hook: Any) -> None:
    client = Client(id="app")
    for option in ("on_success", "on_failure"):
        with pytest.raises(InvalidArgumentError, match=option):
            job(id="j", version="1.0.0", trigger=invoke_trigger(), **{option: hook})(_nothing)
    with pytest.raises(InvalidArgumentError, match="run_failed"):
        client.on("run_failed", hook)


def test_an_event_that_no_client_knows_is_refused() -> None:
    client = Client(id="app")
    for event in ("run_cancelled", "", None):
        with pytest.raises(InvalidArgumentError, match="run_succeeded"):
            client.on(event, print)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError):
        client.on("run_failed", None)  # type: ignore[arg-type]


async def test_a_client_that_is_started_takes_no_hooks(app: App) -> None:
    async with app.start():
        with pytest.raises(InvalidArgumentError, match=r"before start\(\)"):
            app.client.on("run_failed", print)


async def _nothing(payload: Any) -> None: ...
