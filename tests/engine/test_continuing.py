"""A run that has ended without success goes on: what it has completed stays, the rest is executed anew."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from perdure.config.settings import Settings
from perdure.errors import CannotContinueError
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
from perdure.protocol.runs import RunAnswer
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.protocol.task_waits import CallbackWait, EventWait, InvokeRequest
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import START
from tests.engine.world import world

BOOM = ErrorInfo("Boom", "no")
SIGNAL = EventWait("signal", "trigger.dev", None, None, None, 60)


def statuses(run: RunAnswer) -> dict[str | None, str]:
    return {task.key: str(task.status) for task in run.tasks}


async def fails_once(execution: Execution) -> ExecutionResult:
    """Completes a task, and fails at another unless it is the second time."""
    await execution.run("done")
    task = execution.state("shaky")
    if task is None:
        await execution.store(execution.record("shaky", TaskStatus.ERRORED, error=BOOM))
        return Failed(BOOM, execution.task_id("shaky"))
    assert (task.status, task.attempts, task.output, task.error) == (TaskStatus.RUNNING, 1, None, None)
    await execution.store(execution.record("shaky", output="2"))
    return Succeeded(JsonText('"done"'))


async def test_a_failed_run_executes_its_failed_task_anew_and_not_its_completed_one(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("go", fails_once)) as it:
        await it.send("go")
        run_id = await it.only_run()
        failed = await it.ended(run_id)
        it.clock.advance(1)
        continued = await it.platform.continue_run(run_id)
        run = await it.reach(run_id, RunStatus.SUCCESS)

        assert (failed.status, failed.error) == (RunStatus.FAILURE, BOOM)
        assert continued.error is None
        assert (run.output, run.error, run.executions) == ('"done"', None, 2)
        assert run.started_at == run.completed_at == START + timedelta(seconds=1)
        assert statuses(run) == {"done": "COMPLETED", "shaky": "COMPLETED"}
        assert app.bodies == [(run_id, "done")]


async def test_attempts_are_counted_from_the_beginning(storage: Storage, app: ScriptedApp) -> None:
    async def tries_twice(execution: Execution) -> ExecutionResult:
        state = execution.state("flaky")
        if state is None or state.attempts == 1:
            at = execution.app.clock.now() + timedelta(seconds=1)
            await execution.store(
                execution.record("flaky", TaskStatus.WAITING, attempts=2, delay_until=at, attempt_error=BOOM)
            )
            return Suspended((execution.task_id("flaky"),))
        if state.status is TaskStatus.WAITING:
            return Suspended((execution.task_id("flaky"),))
        await execution.store(execution.record("flaky", TaskStatus.ERRORED, attempts=2, error=BOOM))
        return Failed(BOOM, execution.task_id("flaky"))

    async with world(storage, app.job("go", tries_twice)) as it:
        await it.send("go")
        run_id = await it.only_run()
        for _ in range(2):
            await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
            it.clock.advance(1)
            run = await it.reach(run_id, RunStatus.FAILURE)
            assert [task.attempts for task in run.tasks] == [2]
            assert [row[0] for row in await it.query("list_attempts", run.tasks[0].id)] == [1]
            await it.platform.continue_run(run_id)
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        await it.platform.cancel_run(run_id)


async def test_a_cancelled_wait_ends_when_it_would_have_ended(storage: Storage, app: ScriptedApp) -> None:
    async def naps(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 60)
        return Succeeded(None) if nap is None else Suspended((nap,))

    async with world(storage, app.job("go", naps)) as it:
        for event_id in ("early", "late"):
            await it.send("go", event_id=event_id)
        early, late = await it.run_ids()
        for run_id in (early, late):
            await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
            await it.platform.cancel_run(run_id)
        it.clock.advance(20)
        await it.platform.continue_run(early)
        waiting = await it.reach(early, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(39)
        assert (await it.platform.get_run(early)).status is RunStatus.WAITING_TO_CONTINUE
        it.clock.advance(1)
        await it.reach(early, RunStatus.SUCCESS)

        it.clock.advance(3600)
        await it.platform.continue_run(late)
        run = await it.reach(late, RunStatus.SUCCESS)
        assert [task.delay_until for task in waiting.tasks] == [START + timedelta(seconds=60)]
        # It had not begun to wait again.
        assert run.executions == 2
        assert statuses(run) == {"nap": "COMPLETED"}


async def test_a_run_continued_while_its_code_still_ends_is_executed_once_at_a_time(
    storage: Storage, app: ScriptedApp
) -> None:
    async def works(execution: Execution) -> ExecutionResult:
        execution.app.signal(f"working {execution.epoch}")
        await execution.app.happened(f"enough {execution.epoch}")
        return Succeeded(JsonText(str(execution.epoch)))

    async with world(storage, app.job("go", works)) as it:
        await it.send("go")
        run_id = await it.only_run()
        await app.happened("working 1")
        await it.platform.cancel_run(run_id)
        await it.platform.continue_run(run_id)
        await app.happened("working 2")
        # What the first execution comes to counts no more.
        app.signal("enough 1")
        await asyncio.sleep(0)
        assert (await it.platform.get_run(run_id)).status is RunStatus.EXECUTING
        app.signal("enough 2")

        assert (await it.ended(run_id)).output == "2"
        statuses = [row[0] for row in await it.query("list_executions", run_id)]
        assert statuses == ["CANCELED", "SUCCESS"]


async def test_a_run_that_was_cancelled_before_it_began_begins(storage: Storage, app: ScriptedApp) -> None:
    async def works(execution: Execution) -> ExecutionResult:
        execution.app.signal("working")
        await execution.app.happened("enough")
        return Succeeded(None)

    async with world(storage, app.job("go", works), settings=Settings(max_executions=1)) as it:
        await it.send("go")
        await app.happened("working")
        await it.send("go")
        run_id = (await it.run_ids())[1]
        assert (await it.platform.cancel_run(run_id)).started_at is None
        await it.platform.continue_run(run_id)
        app.signal("enough")
        assert (await it.reach(run_id, RunStatus.SUCCESS)).executions == 1


async def test_a_run_that_timed_out_may_be_fruitless_as_often_again(storage: Storage, app: ScriptedApp) -> None:
    async def yields(execution: Execution) -> ExecutionResult:
        if len(execution.request.yielded) == 8:
            return Succeeded(None)
        return Yielded(str(execution.epoch))

    async with world(storage, app.job("go", yields), settings=Settings(fruitless_limit=5)) as it:
        await it.send("go")
        run_id = await it.only_run()
        run = await it.reach(run_id, RunStatus.TIMED_OUT)
        await it.platform.continue_run(run_id)
        continued = await it.reach(run_id, RunStatus.SUCCESS)

        assert run.error is not None
        assert (run.error.name, run.error.message) == (
            "RunTimedOutError",
            "5 executions in a row completed no task.",
        )
        # Keys that were yielded are not yielded again.
        assert (run.executions, continued.executions) == (5, 9)


async def test_a_run_whose_payload_did_not_fit_is_executed_by_code_that_takes_it(
    storage: Storage, app: ScriptedApp
) -> None:
    async def refuses(execution: Execution) -> ExecutionResult:
        return InvalidPayload(((("n",), "Expected `int`"),))

    async def takes(execution: Execution) -> ExecutionResult:
        return Succeeded(execution.request.event.payload)

    async with world(storage, app.job("go", refuses)) as it:
        await it.send("go", '{"n":"x"}')
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.INVALID_PAYLOAD)
        app.scripts["go"] = takes
        await it.platform.continue_run(run_id)

        run = await it.reach(run_id, RunStatus.SUCCESS)
        assert (run.output, run.error) == ('{"n":"x"}', None)


@pytest.mark.parametrize("ending", ["cancelled", "timed out"])
async def test_waits_from_outside_are_waited_for_anew(storage: Storage, app: ScriptedApp, ending: str) -> None:
    async def waits(execution: Execution) -> ExecutionResult:
        waiting = [
            await execution.wait_outside("request", CallbackWait(60)),
            await execution.wait_outside("event", SIGNAL),
        ]
        open_waits = tuple(one for one in waiting if one is not None)
        if open_waits:
            return Suspended(open_waits)
        states = [execution.state("request"), execution.state("event")]
        if any(state is None or state.error is not None for state in states):
            return Failed(ErrorInfo("WaitTimeoutError", "nothing came"))
        return Succeeded(states[0].output if states[0] is not None else None)

    async with world(storage, app.job("go", waits)) as it:
        await it.send("go")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        if ending == "cancelled":
            await it.platform.cancel_run(run_id)
        else:
            it.clock.advance(60)
            await it.reach(run_id, RunStatus.FAILURE)
        # Nobody waits for what comes meanwhile.
        await it.send("signal", event_id="missed")
        await it.platform.continue_run(run_id)
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(59)
        run = await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        assert statuses(run) == {"request": "WAITING", "event": "WAITING"}

        url = await it.platform.callback_url(run.tasks[0].id)
        *_, task_id, _, token = url.split("/")
        await it.node.callbacks.receive(task_id, token, b"7")
        await it.send("signal", event_id="heard")
        assert (await it.reach(run_id, RunStatus.SUCCESS)).output == "7"


async def test_a_run_that_was_cancelled_while_it_waited_for_another_waits_for_that_one(
    storage: Storage, app: ScriptedApp
) -> None:
    async def parent(execution: Execution) -> ExecutionResult:
        result = await execution.wait_for_runs("child", InvokeRequest("child"))
        return Succeeded(None) if result is None else result

    async def child(execution: Execution) -> ExecutionResult:
        execution.app.signal("working")
        await execution.app.happened("enough")
        return Succeeded(JsonText("5"))

    async with world(storage, app.job("parent", parent).job("child", child)) as it:
        await it.send("parent")
        run_id = (await it.run_ids())[0]
        await app.happened("working")
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        await it.platform.cancel_run(run_id)
        await it.platform.continue_run(run_id)
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        app.signal("enough")
        run = await it.reach(run_id, RunStatus.SUCCESS)

        assert len(await it.run_ids()) == 2
        assert '"output":5' in (run.tasks[0].output or "")


async def test_a_run_that_goes_on_or_has_succeeded_cannot_be_continued(storage: Storage, app: ScriptedApp) -> None:
    async def naps(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 60)
        return Succeeded(None) if nap is None else Suspended((nap,))

    async with world(storage, app.job("go", naps)) as it:
        await it.send("go")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        with pytest.raises(CannotContinueError, match="is WAITING_TO_CONTINUE; only"):
            await it.platform.continue_run(run_id)
        it.clock.advance(60)
        run = await it.reach(run_id, RunStatus.SUCCESS)
        with pytest.raises(CannotContinueError, match="is SUCCESS; only") as caught:
            await it.platform.continue_run(run_id)

        assert caught.value.code == "cannot_continue"
        assert await it.reach(run_id, RunStatus.SUCCESS) == run


async def test_of_many_that_continue_a_run_at_once_one_does(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", fails_once)) as it:
        await it.send("go")
        run_id = await it.only_run()
        await it.ended(run_id)
        answers = await asyncio.gather(*(it.platform.continue_run(run_id) for _ in range(5)), return_exceptions=True)
        run = await it.reach(run_id, RunStatus.SUCCESS)

        assert sum(isinstance(answer, RunAnswer) for answer in answers) == 1
        assert all(isinstance(answer, RunAnswer | CannotContinueError) for answer in answers)
        assert run.executions == 2
