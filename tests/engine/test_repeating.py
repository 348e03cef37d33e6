"""Running a run once more: a new event and a new run, of the same job and version."""

from __future__ import annotations

import pytest

from perdure.config.settings import Settings
from perdure.errors import NotFoundError
from perdure.protocol.endpoint import EventTriggerSpec
from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import START
from tests.engine.world import world

MS = int(START.timestamp() * 1000)


async def ends(execution: Execution) -> ExecutionResult:
    await execution.run("once")
    return Succeeded(execution.request.event.payload)


async def test_a_run_is_repeated_with_the_same_event_under_another_id(storage: Storage, app: ScriptedApp) -> None:
    app.job("a", ends, EventTriggerSpec(("go",))).job("b", ends, EventTriggerSpec(("go",)))
    async with world(storage, app) as it:
        request = EventRequest("go", JsonText('{"n":1}'), "e", JsonText('{"c":1}'), timestamp=START)
        await it.platform.send_events([request], EventOptions(account_id="acc"))
        first = next(run for run in [await it.ended(run_id) for run_id in await it.run_ids()] if run.job_id == "a")
        it.clock.advance(5)
        repeated = await it.ended((await it.platform.rerun(first.id)).id)

        assert repeated.id != first.id
        assert (repeated.job_id, repeated.status, repeated.output) == ("a", RunStatus.SUCCESS, '{"n":1}')
        assert repeated.event_id == f"e:retry:{MS + 5000}"
        event = await it.platform.get_event(repeated.event_id)
        assert (event.event.payload, event.event.context, event.event.account_id) == ('{"n":1}', '{"c":1}', "acc")
        assert event.event.delivered_at == event.created_at == it.clock.now()
        # It starts nothing else, and what was there stays.
        assert [run.id for run in event.runs] == [repeated.id]
        assert len(await it.run_ids()) == 3
        assert await it.ended(first.id) == first
        last = app.executions[-1].request
        assert (last.run.is_retry, last.event.id, last.account and last.account.id) == (True, repeated.event_id, "acc")
        assert not any(execution.request.run.is_retry for execution in app.executions[:-1])


async def test_a_run_is_repeated_as_often_as_asked_also_within_a_millisecond(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("go", ends)) as it:
        await it.send("go", event_id="e")
        first = await it.only_run()
        repeated = [await it.platform.rerun(first) for _ in range(3)]
        again = await it.platform.rerun(repeated[0].id)

        assert [run.event_id for run in repeated] == [f"e:retry:{MS + number}" for number in range(3)]
        assert again.event_id == f"e:retry:{MS}:retry:{MS}"
        await it.until(lambda runs: list(runs.values()) == [RunStatus.SUCCESS] * 5)


async def test_a_run_is_repeated_on_its_version(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        await it.send("go")
        run_id = await it.only_run()
        await it.ended(run_id)
    async with world(storage, app.job("go", ends, version="2.0.0"), seed=1) as it:
        repeated = await it.ended((await it.platform.rerun(run_id)).id)

        assert (repeated.version, app.executions[-1].request.job.version) == ("1.0.0", "1.0.0")


async def test_an_invoked_run_is_repeated_and_its_key_still_names_the_first(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        request = InvokeRequest("go", JsonText("7"), idempotency_key="k")
        first = await it.platform.invoke_job(request)
        repeated = await it.ended((await it.platform.rerun(first)).id)

        assert repeated.output == "7"
        assert await it.platform.invoke_job(request) == first


async def test_a_run_that_goes_on_may_be_repeated(storage: Storage, app: ScriptedApp) -> None:
    async def works(execution: Execution) -> ExecutionResult:
        execution.app.signal("working")
        await execution.app.happened("enough")
        return Succeeded(None)

    async with world(storage, app.job("go", works)) as it:
        await it.send("go")
        await app.happened("working")
        repeated = await it.platform.rerun(await it.only_run())
        app.signal("enough")

        await it.until(lambda runs: list(runs.values()) == [RunStatus.SUCCESS] * 2)
        assert repeated.status in (RunStatus.QUEUED, RunStatus.EXECUTING)


async def test_only_a_run_of_the_environment_is_repeated(storage: Storage, app: ScriptedApp) -> None:
    other = ScriptedApp(app.clock, endpoint_id="other")
    async with (
        world(storage, app.job("go", ends), shares_database=True) as it,
        world(storage, other, seed=1, shares_database=True, settings=Settings(environment="prod")) as elsewhere,
    ):
        await it.send("go")
        run_id = await it.only_run()
        for missing in (run_id, "run_x"):
            for call in (elsewhere.platform.rerun, elsewhere.platform.continue_run):
                with pytest.raises(NotFoundError, match=f"no run '{missing}'"):
                    await call(missing)
        assert len(await it.run_ids()) == 1
        await it.ended(run_id)
