"""Telling an app, and others, of the ends of runs."""

from __future__ import annotations

import asyncio
import logging
import math

import pytest

from perdure.engine.deliveries import ATTEMPTS
from perdure.engine.rounds import AT_ONCE
from perdure.errors import NotFoundError
from perdure.protocol.execution import ErrorInfo, ExecutionResult, Failed, JsonText, Succeeded
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.storages import FailingStorage
from tests.engine.world import World, kill, start, world


async def succeeds(execution: Execution) -> ExecutionResult:
    return Succeeded(JsonText('{"n":1}'))


async def fails(execution: Execution) -> ExecutionResult:
    return Failed(ErrorInfo("Declined", "no money"))


async def told(it: World, count: int) -> None:
    """Wait until an app has been told so often."""
    async with asyncio.timeout(60):
        while True:
            if len(it.app.notified) >= count:
                return
            await asyncio.sleep(0)


async def put_off(it: World) -> None:
    """Wait until what could not be told is put off."""
    async with asyncio.timeout(60):
        while True:
            if await it.query("count_out") == [(0,)]:
                return
            await asyncio.sleep(0)


async def tried(it: World) -> None:
    """Wait until what is to be told is due later."""
    async with asyncio.timeout(60):
        while True:
            if not await it.query("list_notifications_due", it.clock.now_ms()):
                return
            await asyncio.sleep(0)


async def left(it: World, count: int) -> None:
    """Wait until so many notifications are left."""
    async with asyncio.timeout(60):
        while True:
            if await it.query("count_notifications") == [(count,)]:
                return
            await asyncio.sleep(0)


async def test_an_app_is_told_of_what_it_wants_to_know(storage: Storage, app: ScriptedApp) -> None:
    app.job("a", succeeds, notify_success=True).job("b", fails, notify_success=True)
    app.job("c", succeeds, notify_failure=True).job("d", fails, notify_failure=True).job("e", succeeds)
    async with world(storage, app) as it:
        runs = {job_id: await it.platform.invoke_job(InvokeRequest(job_id)) for job_id in "abcde"}
        for run_id in runs.values():
            await it.ended(run_id)
        await told(it, 2)
        await left(it, 0)
    found = dict(app.notified)
    assert set(found) == {"a", "d"}
    assert (found["a"]["id"], found["a"]["ok"], found["a"]["output"]) == (runs["a"], True, {"n": 1})
    assert (found["d"]["id"], found["d"]["ok"], found["d"]["error"]["name"]) == (runs["d"], False, "Declined")


async def test_a_cancelled_run_is_told_as_a_failure(storage: Storage, app: ScriptedApp) -> None:
    async def hangs(execution: Execution) -> ExecutionResult:
        await asyncio.Event().wait()
        raise AssertionError

    async with world(storage, app.job("a", hangs, notify_failure=True), grace=0) as it:
        run_id = await it.platform.invoke_job(InvokeRequest("a"))
        await it.platform.cancel_run(run_id)
        await told(it, 1)
        await left(it, 0)
    assert [body["status"] for _, body in app.notified] == ["CANCELED"]


async def test_who_could_not_be_told_is_told_again_later_and_later_and_then_no_more(
    storage: Storage, app: ScriptedApp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    app.deaf_for = 100
    async with world(storage, app.job("a", succeeds, notify_success=True)) as it:
        await it.ended(await it.platform.invoke_job(InvokeRequest("a")))
        for attempt in range(1, ATTEMPTS):
            await told(it, attempt)
            await put_off(it)
            it.clock.advance(math.exp(min(attempt, 10)) - 0.1)
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(app.notified) == attempt
            it.clock.advance(0.2)
        await told(it, ATTEMPTS)
        await left(it, 0)
        it.clock.advance(100_000)
        for _ in range(20):
            await asyncio.sleep(0)
    assert len(app.notified) == ATTEMPTS
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_what_a_node_was_telling_when_it_died_is_told_by_the_next_under_the_same_id(
    storage: Storage, app: ScriptedApp
) -> None:
    gate = asyncio.Event()

    class Hangs(ScriptedApp):
        async def notify(self, job_id: str, notification: JsonText) -> None:
            await super().notify(job_id, notification)
            await gate.wait()

    hangs = Hangs(app.clock).job("a", succeeds, notify_success=True)
    dead = await start(storage, hangs, seed=0)
    await dead.ended(await dead.platform.invoke_job(InvokeRequest("a")))
    await told(dead, 1)
    (before,) = await dead.query("list_notifications")
    await kill(dead)
    for task in dead.node.deliveries._at_work:
        task.cancel()

    async with world(storage, app.job("a", succeeds, notify_success=True), seed=1) as it:
        assert await it.query("list_notifications") in ([before], [])
        await told(it, 1)
        await left(it, 0)
    assert hangs.notified == app.notified


async def test_a_node_that_stops_leaves_what_it_was_telling_to_the_next(storage: Storage, app: ScriptedApp) -> None:
    class Hangs(ScriptedApp):
        async def notify(self, job_id: str, notification: JsonText) -> None:
            await super().notify(job_id, notification)
            await asyncio.Event().wait()

    hangs = Hangs(app.clock).job("a", succeeds, notify_success=True)
    async with world(storage, hangs, grace=0) as it:
        await it.ended(await it.platform.invoke_job(InvokeRequest("a")))
        await told(it, 1)
    async with world(storage, app.job("a", succeeds, notify_success=True), seed=1) as it:
        await told(it, 1)
        await left(it, 0)


async def test_what_nobody_here_can_be_told_waits_for_the_code(storage: Storage, app: ScriptedApp) -> None:
    async def hangs(execution: Execution) -> ExecutionResult:
        await asyncio.Event().wait()
        raise AssertionError

    async with world(storage, app.job("a", hangs, notify_failure=True), grace=0) as it:
        run_id = await it.platform.invoke_job(InvokeRequest("a"))
        await it.reach(run_id, RunStatus.EXECUTING)
    other = ScriptedApp(app.clock, endpoint_id="other")
    async with world(storage, other, seed=1) as it:
        await it.platform.cancel_run(run_id)
        await tried(it)
        await it.node.add(app)
        app.platform = it.platform
        await app.happened("notify")
        await left(it, 0)
    assert [body["status"] for _, body in app.notified] == ["CANCELED"]


async def test_an_app_that_was_away_is_told_as_soon_as_it_registers_anew(storage: Storage, app: ScriptedApp) -> None:
    class Away(ScriptedApp):
        is_away = True

        async def notify(self, job_id: str, notification: JsonText) -> None:
            if self.is_away:
                raise NotFoundError("nobody is there")
            await super().notify(job_id, notification)

    away = Away(app.clock).job("a", succeeds, notify_success=True)
    async with world(storage, away) as it:
        await it.ended(await it.platform.invoke_job(InvokeRequest("a")))
        await tried(it)
        await put_off(it)
        away.is_away = False
        await it.node.add(away)
        await told(it, 1)
        await left(it, 0)


async def test_an_app_that_fails_is_not_told_sooner_for_registering_anew(storage: Storage, app: ScriptedApp) -> None:
    app.deaf_for = 100
    async with world(storage, app.job("a", succeeds, notify_success=True)) as it:
        await it.ended(await it.platform.invoke_job(InvokeRequest("a")))
        await told(it, 1)
        await put_off(it)
        await it.node.add(app)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(app.notified) == 1


async def test_a_bounded_number_is_told_at_once(storage: Storage, app: ScriptedApp) -> None:
    gate = asyncio.Event()

    class Waits(ScriptedApp):
        async def notify(self, job_id: str, notification: JsonText) -> None:
            await super().notify(job_id, notification)
            await gate.wait()

    waits = Waits(app.clock).job("a", succeeds, notify_success=True)
    async with world(storage, waits) as it:
        runs = [await it.platform.invoke_job(InvokeRequest("a")) for _ in range(AT_ONCE + 20)]
        for run_id in runs:
            await it.ended(run_id)
        await told(it, AT_ONCE)
        it.clock.advance(5)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(waits.notified) == AT_ONCE
        gate.set()
        await left(it, 0)
        assert len(waits.notified) == len(runs)


async def test_the_end_of_a_run_and_what_is_to_be_told_of_it_are_one(storage: Storage, app: ScriptedApp) -> None:
    failing = FailingStorage(storage)
    async with world(failing, app.job("a", succeeds, notify_success=True)) as it:  # type: ignore[arg-type]
        # Its commit is not known to have succeeded; it has.
        failing.after.add("apply_result")
        run_id = await it.platform.invoke_job(InvokeRequest("a"))
        await it.reach(run_id, RunStatus.SUCCESS)
        failing.after.clear()
        it.clock.advance(1)
        await told(it, 1)
        await left(it, 0)


async def test_telling_is_retried_while_the_database_cannot(storage: Storage, app: ScriptedApp) -> None:
    failing = FailingStorage(storage)
    async with world(failing, app.job("a", succeeds, notify_success=True)) as it:  # type: ignore[arg-type]
        failing.before |= {"take_due", "delete_if_taken"}
        await it.ended(await it.platform.invoke_job(InvokeRequest("a")))
        failing.before.remove("take_due")
        it.clock.advance(2)
        await told(it, 1)
        failing.before.clear()
        it.clock.advance(400)
        await told(it, 2)
        await left(it, 0)
