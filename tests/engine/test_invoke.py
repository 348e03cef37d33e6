"""Invoking jobs by id."""

from __future__ import annotations

import asyncio

import pytest

from perdure.errors import InvalidArgumentError, NotFoundError, ValueTooLargeError
from perdure.protocol.endpoint import InvokeTriggerSpec
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.world import world


async def echoes(execution: Execution) -> ExecutionResult:
    return Succeeded(execution.request.event.payload)


async def test_any_job_can_be_invoked(storage: Storage, app: ScriptedApp) -> None:
    app.job("invoked", echoes, InvokeTriggerSpec()).job("listens", echoes)
    async with world(storage, app) as it:
        for job_id in ("invoked", "listens"):
            run = await it.ended(await it.platform.invoke_job(InvokeRequest(job_id, JsonText('{"n":1}'))))
            assert (run.status, run.job_id, run.output) == (RunStatus.SUCCESS, job_id, '{"n":1}')
        assert app.executions[0].request.event.name == "invoke"


async def test_one_idempotency_key_starts_one_run_of_a_job(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("a", echoes).job("b", echoes)) as it:
        request = InvokeRequest("a", idempotency_key="k")
        ids = await asyncio.gather(*(it.platform.invoke_job(request) for _ in range(10)))
        other = await it.platform.invoke_job(InvokeRequest("b", idempotency_key="k"))

        assert len(set(ids)) == 1
        assert other != ids[0]
        assert set(await it.run_ids()) == {ids[0], other}


async def test_an_idempotency_key_does_not_meet_the_id_of_an_event(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("a", echoes)) as it:
        await it.send("a", event_id="k")
        await it.platform.invoke_job(InvokeRequest("a", idempotency_key="k"))

        assert len(await it.run_ids()) == 2


async def test_without_a_key_each_invocation_is_a_run(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("a", echoes)) as it:
        for _ in range(3):
            await it.platform.invoke_job(InvokeRequest("a"))

        assert len(await it.run_ids()) == 3


async def test_an_unknown_job_is_not_found_and_the_nearest_is_named(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("welcome-user", echoes)) as it:
        with pytest.raises(NotFoundError, match=r"'welcome_user'\. Did you mean 'welcome-user'\?"):
            await it.platform.invoke_job(InvokeRequest("welcome_user"))
        with pytest.raises(NotFoundError, match=r"'xyz'\.$"):
            await it.platform.invoke_job(InvokeRequest("xyz"))


async def test_a_job_seen_once_can_be_invoked_and_its_run_waits_for_the_code(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("a", echoes)):
        pass
    async with world(storage, ScriptedApp(app.clock, endpoint_id="other"), seed=1) as it:
        run_id = await it.platform.invoke_job(InvokeRequest("a"))
        assert (await it.platform.get_run(run_id)).status is RunStatus.QUEUED
        await it.node.add(app)
        assert (await it.ended(run_id)).status is RunStatus.SUCCESS


async def test_invocations_that_cannot_be_stored_are_refused(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("a", echoes)) as it:
        for key in ("", "x" * 1001):
            with pytest.raises(InvalidArgumentError):
                await it.platform.invoke_job(InvokeRequest("a", idempotency_key=key))
        with pytest.raises(ValueTooLargeError):
            await it.platform.invoke_job(InvokeRequest("a", JsonText('"' + "x" * 512 * 1024 + '"')))
