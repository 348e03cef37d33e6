"""Tasks that wait for the ends of runs they start."""

from __future__ import annotations

import asyncio
from typing import Any

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
from perdure.protocol.limits import BATCH_LIMIT, BATCH_PAYLOAD_LIMIT
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.world import World, world


async def echoes(execution: Execution) -> ExecutionResult:
    return Succeeded(execution.request.event.payload)


async def fails(execution: Execution) -> ExecutionResult:
    return Failed(ErrorInfo("Declined", "no money", "the stack"))


async def sleeps(execution: Execution) -> ExecutionResult:
    """Sleeps as long as its payload says, then gives it back."""
    nap = await execution.sleep("nap", float(load(execution.request.event.payload)))
    return Succeeded(execution.request.event.payload) if nap is None else Suspended((nap,))


def asks(*requests: InvokeRequest, timeout: float | None = 3600) -> Any:
    """A script that waits for runs, and gives what its task came to."""

    async def script(execution: Execution) -> ExecutionResult:
        suspended = await execution.wait_for_runs("ask", *requests, timeout=timeout)
        if suspended is not None:
            return suspended
        state = execution.state("ask")
        assert state is not None
        return Succeeded(state.output) if state.error is None else Failed(state.error)

    return script


def request(job_id: str, payload: object = 1, **options: Any) -> InvokeRequest:
    return InvokeRequest(job_id, JsonText(str(payload)), **options)


async def outcome(it: World, app: ScriptedApp) -> list[dict[str, Any]]:
    """Run the job "parent" to its end; what its task came to."""
    run = await it.ended(await it.platform.invoke_job(InvokeRequest("parent")))
    assert run.status is RunStatus.SUCCESS, run.error
    found: list[dict[str, Any]] = load(run.output or JsonText("null"))
    return found


async def test_a_task_gets_what_its_run_came_to(storage: Storage, app: ScriptedApp) -> None:
    app.job("child", echoes).job("parent", asks(request("child", '{"n": 1}', context=JsonText('{"c":2}'))))
    async with world(storage, app) as it:
        (told,) = await outcome(it, app)
        parent, child = await it.run_ids()
    assert (told["id"], told["ok"], told["status"]) == (child, True, "SUCCESS")
    assert (told["output"], told["job"]) == ({"n": 1}, {"id": "child", "version": "1.0.0"})
    assert (told["invocation"]["payload"], told["invocation"]["context"]) == ({"n": 1}, {"c": 2})
    assert (told["executionCount"], told["isTest"], told["environment"]["slug"]) == (1, False, "dev")
    assert "error" not in told
    assert parent != child


async def test_a_failed_run_completes_the_task_with_its_error(storage: Storage, app: ScriptedApp) -> None:
    async def works(execution: Execution) -> ExecutionResult:
        await execution.store(execution.record("charge", TaskStatus.ERRORED, error=ErrorInfo("Declined", "no")))
        return Failed(ErrorInfo("Declined", "no money", "the stack"))

    app.job("child", works).job("parent", asks(request("child")))
    async with world(storage, app) as it:
        (told,) = await outcome(it, app)
    assert (told["ok"], told["status"]) == (False, "FAILURE")
    assert told["error"] == {"name": "Declined", "message": "no money", "stack": "the stack"}
    assert (told["task"]["name"], told["task"]["status"]) == ("charge", "ERRORED")
    assert told["task"]["error"] == {"name": "Declined", "message": "no"}
    assert "output" not in told


async def test_a_run_is_started_once_however_often_its_parent_is_executed(storage: Storage, app: ScriptedApp) -> None:
    app.job("child", sleeps).job("parent", asks(request("child", 5)))
    async with world(storage, app) as it:
        parent = await it.platform.invoke_job(InvokeRequest("parent"))
        await it.reach(parent, RunStatus.WAITING_TO_CONTINUE)
        await it.platform.cancel_run(parent)
        assert len(await it.run_ids()) == 2
        child = (await it.run_ids())[1]
        await it.reach(child, RunStatus.WAITING_TO_CONTINUE)
        await it.advance(5, child, RunStatus.SUCCESS)


async def test_a_cancelled_run_ends_the_wait_at_once(storage: Storage, app: ScriptedApp) -> None:
    app.job("child", sleeps).job("parent", asks(request("child", 60)))
    async with world(storage, app) as it:
        parent = await it.platform.invoke_job(InvokeRequest("parent"))
        await it.reach(parent, RunStatus.WAITING_TO_CONTINUE)
        await it.platform.cancel_run((await it.run_ids())[1])
        (told,) = load((await it.ended(parent)).output or JsonText(""))
    assert (told["ok"], told["status"]) == (False, "CANCELED")
    assert "error" not in told


async def test_a_run_that_is_given_up_in_line_ends_the_wait(storage: Storage, app: ScriptedApp) -> None:
    async def yields(execution: Execution) -> ExecutionResult:
        return Yielded(str(execution.epoch))

    app.job("child", yields).job("parent", asks(request("child")))
    async with world(storage, app, settings=Settings(fruitless_limit=3)) as it:
        (told,) = await outcome(it, app)
    assert (told["status"], told["error"]["name"]) == ("TIMED_OUT", "RunTimedOutError")


async def test_a_payload_that_is_refused_ends_the_wait(storage: Storage, app: ScriptedApp) -> None:
    async def refuses(execution: Execution) -> ExecutionResult:
        return InvalidPayload(issues=((("n",), "is no number"),))

    app.job("child", refuses).job("parent", asks(request("child")))
    async with world(storage, app) as it:
        (told,) = await outcome(it, app)
    assert (told["status"], told["error"]["name"]) == ("INVALID_PAYLOAD", "PayloadValidationError")


async def test_a_batch_wakes_its_run_once_with_all_results_in_order(storage: Storage, app: ScriptedApp) -> None:
    requests = [request("sleeps", seconds) for seconds in (3, 1, 2)] + [request("fails")]
    app.job("sleeps", sleeps).job("fails", fails).job("parent", asks(*requests))
    async with world(storage, app) as it:
        parent = await it.platform.invoke_job(InvokeRequest("parent"))
        await it.reach(parent, RunStatus.WAITING_TO_CONTINUE)
        for child in (await it.run_ids())[1:4]:
            await it.reach(child, RunStatus.WAITING_TO_CONTINUE)
        for _ in range(3):
            it.clock.advance(1)
            await it.until(lambda runs: len([1 for status in runs.values() if status == "SUCCESS"]) >= 1)
        run = await it.ended(parent)
        told = load(run.output or JsonText(""))
        assert [one.get("output") for one in told] == [3, 1, 2, None]
        assert [one["status"] for one in told] == ["SUCCESS"] * 3 + ["FAILURE"]
        assert run.executions == 2


async def test_an_empty_batch_is_over_at_once(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("parent", asks())) as it:
        assert await outcome(it, app) == []


async def test_a_known_key_waits_for_the_first_run(storage: Storage, app: ScriptedApp) -> None:
    app.job("child", sleeps).job("parent", asks(request("child", 99, idempotency_key="k")))
    async with world(storage, app) as it:
        child = await it.platform.invoke_job(request("child", 5, idempotency_key="k"))
        await it.reach(child, RunStatus.WAITING_TO_CONTINUE)
        parent = await it.platform.invoke_job(InvokeRequest("parent"))
        await it.reach(parent, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(5)
        (told,) = load((await it.ended(parent)).output or JsonText(""))
        assert (told["id"], told["output"]) == (child, 5)
        assert len(await it.run_ids()) == 2


async def test_a_known_key_whose_run_has_ended_gives_what_that_came_to(storage: Storage, app: ScriptedApp) -> None:
    requests = [request("child", 99, idempotency_key="k"), request("child", 99, idempotency_key="k")]
    app.job("child", echoes).job("parent", asks(*requests, timeout=None))
    async with world(storage, app) as it:
        child = await it.platform.invoke_job(request("child", 5, idempotency_key="k"))
        await it.ended(child)
        assert [(one["id"], one["output"]) for one in await outcome(it, app)] == [(child, 5), (child, 5)]


async def test_two_runs_may_wait_for_one(storage: Storage, app: ScriptedApp) -> None:
    app.job("child", sleeps).job("parent", asks(request("child", 5, idempotency_key="k")))
    async with world(storage, app) as it:
        parents = [await it.platform.invoke_job(InvokeRequest("parent")) for _ in range(3)]
        for parent in parents:
            await it.reach(parent, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(5)
        outputs = [load((await it.ended(parent)).output or JsonText(""))[0]["output"] for parent in parents]
    assert outputs == [5, 5, 5]


async def test_a_wait_that_is_too_long_fails_and_the_run_goes_on(storage: Storage, app: ScriptedApp) -> None:
    app.job("child", sleeps).job("parent", asks(request("child", 60), timeout=10))
    async with world(storage, app) as it:
        parent = await it.platform.invoke_job(InvokeRequest("parent"))
        await it.reach(parent, RunStatus.WAITING_TO_CONTINUE)
        child = (await it.run_ids())[1]
        # It sleeps from now on, and not only once the clock is on.
        await it.reach(child, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(10)
        run = await it.ended(parent)
        assert run.error is not None
        assert run.error.name == "WaitTimeoutError"
        await it.advance(50, child, RunStatus.SUCCESS)
        assert await it.query("list_awaited") == []


async def test_an_unknown_job_is_what_the_task_fails_with(storage: Storage, app: ScriptedApp) -> None:
    app.job("child", echoes).job("parent", asks(request("child"), request("chlid")))
    async with world(storage, app) as it:
        run = await it.ended(await it.platform.invoke_job(InvokeRequest("parent")))
        assert run.error is not None
        assert (run.error.name, "'child'" in run.error.message) == ("NotFoundError", True)
        assert len(await it.run_ids()) == 1
        (task,) = (await it.platform.get_run(run.id)).tasks
        assert task.status is TaskStatus.ERRORED


@pytest.mark.parametrize(
    ("requests", "error"),
    [
        ([request("child")] * (BATCH_LIMIT + 1), "InvalidArgumentError"),
        ([request("child", f'"{"x" * 500_000}"')] * (BATCH_PAYLOAD_LIMIT // 500_000 + 1), "ValueTooLargeError"),
        ([request("child", f'"{"x" * 600_000}"')], "ValueTooLargeError"),
    ],
    ids=["too many", "too large together", "too large"],
)
async def test_a_batch_beyond_its_limits_starts_nothing(
    storage: Storage, app: ScriptedApp, requests: list[InvokeRequest], error: str
) -> None:
    app.job("child", echoes).job("parent", asks(*requests))
    async with world(storage, app) as it:
        run = await it.ended(await it.platform.invoke_job(InvokeRequest("parent")))
        assert run.error is not None
        assert run.error.name == error
        assert len(await it.run_ids()) == 1


async def test_a_largest_batch_is_started_and_comes_back(storage: Storage, app: ScriptedApp) -> None:
    app.job("child", echoes).job("parent", asks(*[request("child", n) for n in range(BATCH_LIMIT)]))
    async with world(storage, app) as it:
        assert [one["output"] for one in await outcome(it, app)] == list(range(BATCH_LIMIT))


async def test_results_that_are_too_large_together_fail_the_task(storage: Storage, app: ScriptedApp) -> None:
    async def returns_much(execution: Execution) -> ExecutionResult:
        return Succeeded(JsonText(f'"{"x" * 3_000_000}"'))

    app.job("child", returns_much).job("parent", asks(*[request("child")] * 6))
    async with world(storage, app) as it:
        run = await it.ended(await it.platform.invoke_job(InvokeRequest("parent")))
        assert run.error is not None
        assert run.error.name == "ValueTooLargeError"


async def test_the_end_of_a_run_reaches_an_execution_that_is_still_at_work(storage: Storage, app: ScriptedApp) -> None:
    release = asyncio.Event()

    async def busy(execution: Execution) -> ExecutionResult:
        suspended = await execution.wait_for_runs("ask", request("child"))
        if suspended is not None:
            await release.wait()
            return suspended
        return Succeeded(None)

    async with world(storage, app.job("child", echoes).job("parent", busy)) as it:
        parent = await it.platform.invoke_job(InvokeRequest("parent"))
        await app.happened("resolve")
        assert [(run_id, statuses) for run_id, _, statuses in app.resolved] == [(parent, ["COMPLETED"])]
        release.set()
        assert (await it.ended(parent)).executions == 2
