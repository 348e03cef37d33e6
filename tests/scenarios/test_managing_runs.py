"""Runs as an app manages them: listed, cancelled by the many, run once more, let go on after a bad end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from perdure import IO, CancelResult, Context, Retry, RunPage, event_trigger
from perdure.errors import (
    CannotContinueError,
    InvalidArgumentError,
    InvokedRunFailedError,
    NotFoundError,
    WaitTimeoutError,
)
from tests.scenarios.app import PATIENCE, App, Gate, task_of


class Strict(BaseModel):
    number: int


def sleeper(app: App, name: str = "sleeping", **options: Any) -> Any:
    @app.job(id=name, **options)
    async def sleeping(payload: Any, io: IO) -> Any:
        await io.wait("w", 3600)
        return payload

    return sleeping


# Listing and cancelling.


async def test_the_runs_of_a_job_are_listed_newest_first(app: App) -> None:
    @app.job
    async def echo(payload: Any, io: IO) -> Any:
        await io.run_task("k", lambda: 1)
        return payload

    async with app.start():
        ids = [(await app.client.invoke(echo, number)).id for number in range(5)]
        for run_id in ids:
            await app.finish(run_id)
        first = await app.client.get_runs("echo", take=3)
        second = await app.client.get_runs("echo", cursor=first.next_cursor, take=3)

    assert isinstance(first, RunPage)
    assert [run.id for run in (*first.runs, *second.runs)] == ids[::-1]
    assert [run.output for run in first.runs] == [4, 3, 2]
    assert [run.status for run in first.runs] == ["SUCCESS"] * 3
    assert (second.next_cursor, first.runs[0].tasks) == (None, ())


async def test_the_runs_of_a_job_are_cancelled(app: App) -> None:
    sleeping, gate = sleeper(app), Gate()
    log: list[str] = []

    @app.job
    async def other(payload: Any, io: IO) -> None:
        await io.wait("w", 3600)

    @app.job(id="working")
    async def working(payload: Any, io: IO) -> None:
        try:
            await io.run_task("k", gate)
        finally:
            log.append("stopped")

    async with app.start():
        ids = [(await app.client.invoke(sleeping)).id for _ in range(3)]
        untouched = await app.client.invoke(other)
        for run_id in (*ids, untouched.id):
            await app.reach(run_id, "WAITING_TO_CONTINUE")
        at_work = await app.client.invoke(working)
        await gate.wait()
        result = await app.client.cancel_runs_for_job("sleeping")
        stopped = await app.client.cancel_runs_for_job("working")
        with pytest.raises(InvokedRunFailedError):
            await at_work.result(timeout=PATIENCE)

        assert isinstance(result, CancelResult)
        assert (sorted(result.cancelled_run_ids), result.failed_to_cancel_run_ids) == (sorted(ids), ())
        assert stopped.cancelled_run_ids == (at_work.id,)
        assert [run.status for run in (await app.client.get_runs("sleeping")).runs] == ["CANCELED"] * 3
        assert await untouched.status() == "WAITING_TO_CONTINUE"
        await untouched.cancel()
    assert log == ["stopped"]


async def test_the_runs_of_an_event_are_cancelled(app: App) -> None:
    sleeper(app, "a", trigger=event_trigger("go"))
    sleeper(app, "b", trigger=event_trigger("go"))
    async with app.start():
        await app.client.send_event(id="e", name="go")
        event = await app.client.get_event("e")
        for run in event.runs:
            await app.reach(run.id, "WAITING_TO_CONTINUE")
        result = await app.client.cancel_runs_for_event("e")
        event = await app.client.get_event("e")

    assert sorted(result.cancelled_run_ids) == sorted(run.id for run in event.runs)
    assert [run.status for run in event.runs] == ["CANCELED"] * 2


async def test_what_does_not_exist_is_not_found(app: App) -> None:
    sleeper(app)
    async with app.start():
        for call in (
            app.client.cancel_runs_for_event("never"),
            app.client.cancel_runs_for_job("sleepin"),
            app.client.rerun("run_x"),
            app.client.continue_run("run_x"),
        ):
            with pytest.raises(NotFoundError):
                await call
        assert (await app.client.get_runs("never")).runs == ()


@pytest.mark.parametrize("wrong", [5, None, "\ud800"])
async def test_what_can_be_no_id_is_refused(app: App, wrong: Any) -> None:
    async with app.start():
        for call in (
            app.client.get_runs(wrong),
            app.client.cancel_runs_for_event(wrong),
            app.client.cancel_runs_for_job(wrong),
            app.client.rerun(wrong),
            app.client.continue_run(wrong),
        ):
            with pytest.raises(InvalidArgumentError):
                await call
        for arguments in ({"take": 0}, {"take": 51}, {"cursor": "run_x"}, {"cursor": 5}):
            with pytest.raises(InvalidArgumentError):
                await app.client.get_runs("a", **arguments)


# Running once more.


async def test_a_run_is_run_once_more_and_knows_it(app: App) -> None:
    seen: list[tuple[bool, str, Any]] = []

    @app.job(trigger=event_trigger("order.paid"))
    async def fulfil(payload: Any, io: IO, ctx: Context) -> str:
        await io.run_task("note", lambda: seen.append((ctx.run.is_retry, ctx.event.id, payload)))
        return ctx.event.name

    async with app.start():
        await app.client.send_event(id="A1", name="order.paid", payload={"n": 1}, context={"c": 2})
        (first,) = (await app.client.get_event("A1")).runs
        await app.finish(first.id)
        handle = await app.client.rerun(first.id)
        assert await handle.result(timeout=PATIENCE) == "order.paid"
        repeated = await app.client.get_event(seen[1][1])

    assert handle.id != first.id
    assert seen[0] == (False, "A1", {"n": 1})
    assert (seen[1][0], seen[1][2]) == (True, {"n": 1})
    assert repeated.id.startswith("A1:retry:")
    assert (repeated.context, [run.id for run in repeated.runs]) == ({"c": 2}, [handle.id])


def test_a_run_is_managed_by_blocking_calls(app: App) -> None:
    gate = Gate()

    @app.job
    async def shaky(payload: Any, io: IO) -> str:
        def body() -> str:
            if not gate.is_open:
                raise LookupError("closed")
            return "done"

        return await io.run_task("k", body)

    sleeper(app)
    with app.start_background():
        calls = app.client.sync
        failed = calls.invoke("shaky")
        with pytest.raises(InvokedRunFailedError):
            failed.result(timeout=PATIENCE)
        gate.is_open = True
        assert calls.rerun(failed.id).result(timeout=PATIENCE) == "done"
        assert calls.continue_run(failed.id).id == failed.id
        assert failed.result(timeout=PATIENCE) == "done"
        asleep = calls.invoke("sleeping")
        assert calls.cancel_runs_for_job("sleeping").cancelled_run_ids == (asleep.id,)
        event = calls.send_event(name="nobody.listens")
        assert calls.cancel_runs_for_event(event.id).cancelled_run_ids == ()
        assert [run.id for run in calls.get_runs("sleeping").runs] == [asleep.id]


# Going on.


async def test_a_failed_run_goes_on_where_it_failed(app: App) -> None:
    gate, bodies = Gate(), list[str]()

    @app.job
    async def shipping(payload: Any, io: IO) -> str:
        async def outer(task: Any, io: IO) -> str:
            bodies.append("outer")
            await io.run_task("inner", lambda: bodies.append("inner"))

            def charge() -> str:
                bodies.append("charge")
                if not gate.is_open:
                    raise LookupError("no money")
                return "charged"

            return await io.run_task("charge", charge, retry=Retry(limit=2, min_timeout=0.001, randomize=False))

        await io.logger.info("begins")
        await io.run_task("pack", lambda: bodies.append("pack"))
        await io.wait("w", 0.002)
        return await io.run_task("outer", outer)

    async with app.start():
        handle = await app.client.invoke(shipping)
        failed = await app.finish(handle)
        assert (failed.status, failed.error and failed.error.name) == ("FAILURE", "LookupError")
        assert task_of(failed, "outer/charge").attempts == 2
        gate.is_open = True
        continued = await app.client.continue_run(handle.id)
        assert continued.id == handle.id
        assert await handle.result(timeout=PATIENCE) == "charged"
        run = await app.look_up(handle.id)

    assert (run.status, run.error, [line.message for line in run.logs]) == ("SUCCESS", None, ["begins"])
    assert task_of(run, "outer").id == task_of(failed, "outer").id
    assert task_of(run, "outer/charge").attempts == 1
    assert [bodies.count(name) for name in ("pack", "inner", "charge")] == [1, 1, 3]


async def test_a_failure_that_the_job_had_caught_is_tried_again_too(app: App) -> None:
    gate = Gate()

    @app.job
    async def trying(payload: Any, io: IO) -> str:
        def body() -> str:
            if not gate.is_open:
                raise LookupError("closed")
            return "first"

        try:
            return await io.run_task("first", body)
        except LookupError:
            return await io.run_task("second", body)

    async with app.start():
        handle = await app.client.invoke(trying)
        assert (await app.finish(handle)).status == "FAILURE"
        gate.is_open = True
        await app.client.continue_run(handle.id)
        assert await handle.result(timeout=PATIENCE) == "first"


async def test_a_cancelled_run_goes_on(app: App) -> None:
    gate, bodies = Gate(), list[str]()

    @app.job
    async def working(payload: Any, io: IO) -> str:
        await io.run_task("before", lambda: bodies.append("before"))

        async def body() -> str:
            bodies.append("body")
            await gate()
            return "done"

        return await io.run_task("k", body)

    async with app.start():
        handle = await app.client.invoke(working)
        await gate.wait()
        await app.client.cancel_run(handle.id)
        gate.is_open = True
        await app.client.continue_run(handle.id)
        assert await handle.result(timeout=PATIENCE) == "done"
    assert bodies == ["before", "body", "body"]


async def test_a_run_goes_on_though_its_cancelled_code_still_ends(app: App) -> None:
    began, may_end, has_ended = Gate(), asyncio.Event(), asyncio.Event()
    opened, waits = asyncio.Event(), Gate()

    @app.job
    async def lingering(payload: Any, io: IO) -> str:
        async def body() -> str:
            if not began.reached.is_set():
                began.reached.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    await may_end.wait()
                    has_ended.set()
            waits.reached.set()
            await opened.wait()
            return "done"

        async def open_after_a_while() -> None:
            # Its end has to reach the execution at work, whose other branch waits for it.
            await io.wait("w", 0.1)
            opened.set()

        results = await asyncio.gather(io.run_task("k", body), open_after_a_while())
        return results[0]

    async with app.start():
        handle = await app.client.invoke(lingering)
        await began.wait()
        await app.client.cancel_run(handle.id)
        await app.client.continue_run(handle.id)
        await waits.wait()
        may_end.set()
        await asyncio.wait_for(has_ended.wait(), PATIENCE)
        assert await handle.result(timeout=PATIENCE) == "done"


async def test_a_run_cancelled_in_its_waits_waits_for_what_is_left(app: App) -> None:
    @app.job
    async def waiting(payload: Any, io: IO) -> Any:
        await io.wait("short", 0.05)
        event = await io.wait_for_event("event", name="go", timeout=60)
        return event.payload

    async with app.start():
        early = await app.client.invoke(waiting)
        await app.reach(early, "WAITING_TO_CONTINUE")
        await early.cancel()
        await app.client.continue_run(early.id)
        await app.says(early, "wait_for_event")
        await early.cancel()
        # It does not wait while it is cancelled.
        await app.client.send_event(name="go", payload="missed")
        await app.client.continue_run(early.id)
        await app.says(early, "wait_for_event")
        await app.client.send_event(name="go", payload="heard")
        assert await early.result(timeout=PATIENCE) == "heard"


async def test_a_wait_that_timed_out_is_waited_for_again(app: App) -> None:
    asked: list[str] = []

    @app.job
    async def asking(payload: Any, io: IO) -> Any:
        return await io.wait_for_request("ask", asked.append, timeout=payload)

    async with app.start():
        handle = await app.client.invoke(asking, 0.02)
        failed = await app.finish(handle)
        assert (failed.error and failed.error.name) == WaitTimeoutError.__name__
        await app.client.continue_run(handle.id)
        again = await app.finish(handle)
        assert (again.error and again.error.name) == WaitTimeoutError.__name__
    # Who was asked once is not asked again.
    assert len(asked) == 1


async def test_a_run_that_timed_out_goes_on(app: App) -> None:
    gate, attempts = Gate(), list[int]()

    @app.job
    async def failing(payload: Any, io: IO) -> str:
        def body(task: Any) -> str:
            attempts.append(task.attempt)
            if not gate.is_open:
                raise LookupError("closed")
            return "done"

        return await io.run_task("k", body, retry=Retry(limit=1000, factor=1, min_timeout=0, randomize=False))

    async with app.start():
        handle = await app.client.invoke(failing)
        run = await asyncio.wait_for(app.finish(handle), 60)
        assert (run.status, run.error and run.error.name) == ("TIMED_OUT", "RunTimedOutError")
        gate.is_open = True
        await app.client.continue_run(handle.id)
        assert await handle.result(timeout=PATIENCE) == "done"
    assert attempts[-1] == 1


async def test_a_run_whose_payload_was_refused_goes_on_with_code_that_takes_it(durable_app: App) -> None:
    @durable_app.job(id="taking")
    async def strict(payload: Strict) -> int:
        return payload.number

    async with durable_app.start():
        handle = await durable_app.client.invoke("taking", {"number": "many"})
        assert (await durable_app.finish(handle)).status == "INVALID_PAYLOAD"
        # The same code refuses it again.
        await durable_app.client.continue_run(handle.id)
        assert (await durable_app.finish(handle)).status == "INVALID_PAYLOAD"

    deployed = durable_app.successor()

    @deployed.job(id="taking")
    async def lenient(payload: dict[str, Any]) -> Any:
        return payload["number"]

    async with deployed.start():
        await deployed.client.continue_run(handle.id)
        run = await deployed.finish(handle.id)
    assert (run.status, run.output, run.error) == ("SUCCESS", "many", None)


async def test_a_run_that_goes_on_or_has_succeeded_cannot_be_continued(app: App) -> None:
    sleeping = sleeper(app)

    @app.job
    async def quick(payload: Any) -> str:
        return "done"

    async with app.start():
        ended = await app.client.invoke(quick)
        await ended.result(timeout=PATIENCE)
        asleep = await app.client.invoke(sleeping)
        for handle in (ended, asleep):
            with pytest.raises(CannotContinueError, match=handle.id):
                await app.client.continue_run(handle.id)
        assert await ended.status() == "SUCCESS"
        await asleep.cancel()
