"""A run from its event to its end."""

from __future__ import annotations

import asyncio

import pytest

from perdure.config.settings import Settings
from perdure.protocol.execution import (
    ErrorInfo,
    ExecutionResult,
    Failed,
    InvalidPayload,
    JsonText,
    Succeeded,
    Suspended,
    Yielded,
)
from perdure.protocol.json_text import load
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.world import world


async def naps(execution: Execution) -> ExecutionResult:
    await execution.run("before")
    nap = await execution.sleep("nap", 60)
    if nap is not None:
        return Suspended((nap,))
    await execution.run("after")
    return Succeeded(JsonText('"rested"'))


async def test_a_run_waits_and_goes_on_where_it_was(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("naps", naps)) as it:
        await it.send("naps")
        run_id = await it.only_run()
        asleep = await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)

        it.clock.advance(60)
        run = await it.ended(run_id)

        assert asleep.why == "waits for wait 'nap' until 2030-01-01T00:01:00+00:00"
        assert (run.status, run.output, run.executions, run.why) == (RunStatus.SUCCESS, '"rested"', 2, None)
        assert app.bodies == [(run_id, "before"), (run_id, "after")]
        assert await it.query("list_executions", run_id) == [("RESUME_WITH_TASK",), ("SUCCESS",)]


async def test_a_run_that_fails_fails_what_it_had_begun(storage: Storage, app: ScriptedApp) -> None:
    async def fails(execution: Execution) -> ExecutionResult:
        await execution.run("done")
        await execution.store(execution.record("charge", TaskStatus.RUNNING))
        await execution.sleep("nap", 60)
        return Failed(ErrorInfo("Declined", "no money"), execution.task_id("charge"), warnings=("careful",))

    async with world(storage, app.job("fails", fails)) as it:
        await it.send("fails")
        run_id = await it.only_run()
        await it.ended(run_id)
        run = await it.platform.get_run(run_id)

        assert (run.status, run.error, run.warnings) == (
            RunStatus.FAILURE,
            ErrorInfo("Declined", "no money"),
            ("careful",),
        )
        assert {task.key: (task.status, task.error) for task in run.tasks} == {
            "done": (TaskStatus.COMPLETED, None),
            "charge": (TaskStatus.ERRORED, ErrorInfo("Declined", "no money")),
            "nap": (TaskStatus.ERRORED, None),
        }
        assert await it.query("list_timers") == []


async def test_a_run_that_succeeds_leaves_no_task_open(storage: Storage, app: ScriptedApp) -> None:
    async def hurries(execution: Execution) -> ExecutionResult:
        await execution.sleep("nap", 60)
        return Succeeded(None)

    async with world(storage, app.job("hurries", hurries)) as it:
        await it.send("hurries")
        run = await it.reach(await it.only_run(), RunStatus.SUCCESS)

        assert [task.status for task in run.tasks] == [TaskStatus.CANCELED]
        assert await it.query("list_timers") == []


async def test_a_payload_that_does_not_fit_ends_the_run_with_the_place(storage: Storage, app: ScriptedApp) -> None:
    async def refuses(execution: Execution) -> ExecutionResult:
        return InvalidPayload(((("user", "email"), "not an address"),))

    async with world(storage, app.job("refuses", refuses)) as it:
        await it.send("refuses")
        run = await it.ended(await it.only_run())

        assert run.status is RunStatus.INVALID_PAYLOAD
        assert run.error is not None
        assert "user.email: not an address" in run.error.message


async def test_a_yielded_run_is_executed_again_and_told_its_keys(storage: Storage, app: ScriptedApp) -> None:
    async def yields(execution: Execution) -> ExecutionResult:
        if "once" not in execution.request.yielded:
            return Yielded("once")
        return Succeeded(None)

    async with world(storage, app.job("yields", yields)) as it:
        await it.send("yields")
        run = await it.ended(await it.only_run())

        assert (run.status, run.executions) == (RunStatus.SUCCESS, 2)
        assert [execution.request.yielded for execution in app.executions] == [(), ("once",)]


async def test_of_a_payload_that_fits_nowhere_the_first_hundred_places_are_kept(
    storage: Storage, app: ScriptedApp
) -> None:
    async def refuses(execution: Execution) -> ExecutionResult:
        return InvalidPayload(tuple(((str(number),), "is none") for number in range(1101)))

    async with world(storage, app.job("refuses", refuses)) as it:
        await it.send("refuses")
        run = await it.ended(await it.only_run())
        assert (run.status, run.error is None) == (RunStatus.INVALID_PAYLOAD, False)
        assert run.error is not None
        assert run.error.data is not None
        assert run.error.message.endswith("98: is none; 99: is none; and 1,001 more")
        assert len(load(run.error.data)["issues"]) == 100


async def test_a_run_may_yield_a_hundred_keys(storage: Storage, app: ScriptedApp) -> None:
    async def yields(execution: Execution) -> ExecutionResult:
        await execution.run(str(execution.epoch))
        return Yielded(str(execution.epoch))

    async with world(storage, app.job("yields", yields)) as it:
        await it.send("yields")
        run = await it.ended(await it.only_run())

        assert (run.status, run.executions) == (RunStatus.FAILURE, 101)
        assert run.error is not None
        assert run.error.message == "Run has yielded too many times, the maximum is 100"


@pytest.mark.parametrize(("length", "status"), [(8192, RunStatus.SUCCESS), (8193, RunStatus.FAILURE)])
async def test_a_run_yields_under_no_key_that_would_fill_the_database(
    storage: Storage, app: ScriptedApp, length: int, status: RunStatus
) -> None:
    async def yields(execution: Execution) -> ExecutionResult:
        return Succeeded(None) if execution.request.yielded else Yielded("k" * length)

    async with world(storage, app.job("go", yields)) as it:
        await it.send("go")
        run = await it.ended(await it.only_run())
        assert (run.status, len(app.executions)) == (status, 2 if status is RunStatus.SUCCESS else 1)
        if run.error is not None:
            assert run.error.message == "Run has yielded a key of 8,193 characters, the maximum is 8,192"


async def test_warnings_of_several_executions_are_kept_once(storage: Storage, app: ScriptedApp) -> None:
    async def warns(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 1)
        if nap is not None:
            return Suspended((nap,), warnings=("first", "both"))
        return Succeeded(None, warnings=("both", "second"))

    async with world(storage, app.job("warns", warns)) as it:
        await it.send("warns")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(1)

        assert (await it.ended(run_id)).warnings == ("first", "both", "second")


async def test_no_more_executions_are_at_work_than_the_settings_allow(storage: Storage, app: ScriptedApp) -> None:
    at_work = 0
    most = 0

    async def counts(execution: Execution) -> ExecutionResult:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await execution.run("one")
        await execution.run("two")
        at_work -= 1
        return Succeeded(None)

    async with world(storage, app.job("counts", counts), settings=Settings(max_executions=3)) as it:
        await asyncio.gather(*(it.send("counts") for _ in range(20)))
        runs = [await it.ended(run_id) for run_id in await it.run_ids()]

        assert [run.status for run in runs] == [RunStatus.SUCCESS] * 20
        assert most == 3


async def test_an_execution_gets_its_event_and_its_tenant(storage: Storage, app: ScriptedApp) -> None:
    async def ends(execution: Execution) -> ExecutionResult:
        return Succeeded(None)

    async with world(storage, app.job("ends", ends)) as it:
        await it.send("ends", '{"a":1}', event_id="order-1", account_id="acme")
        await it.ended(await it.only_run())
        request = app.executions[0].request

        assert (request.event.id, request.event.name, request.event.payload) == ("order-1", "ends", '{"a":1}')
        assert request.account is not None
        assert request.account.id == "acme"
        assert (request.tenant.environment.slug, request.tenant.project.slug) == ("dev", "default")
        assert (request.job.id, request.job.version, request.epoch, request.tasks) == ("ends", "1.0.0", 1, [])
