"""What an execution records, and what it may no longer record."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.errors import (
    AlreadyCompletedError,
    IdempotencyConflictError,
    NotFoundError,
    RunNotActiveError,
    StaleExecutionError,
)
from perdure.protocol.execution import ErrorInfo, ExecutionResult, Succeeded, Suspended, Yielded
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.world import world


async def test_a_stale_epoch_changes_nothing(storage: Storage, app: ScriptedApp) -> None:
    async def yields(execution: Execution) -> ExecutionResult:
        if execution.epoch == 1:
            await execution.store(execution.record("open", TaskStatus.RUNNING))
            return Yielded("again")
        app.signal("second")
        await app.happened("checked")
        return Succeeded(None)

    async with world(storage, app.job("yields", yields)) as it:
        await it.send("yields")
        await app.happened("second")
        first, second = app.executions
        for record in (first.record("new"), second.record("open", TaskStatus.COMPLETED)):
            with pytest.raises(StaleExecutionError):
                await first.store(record)
        page = (await it.platform.get_run(first.run_id)).tasks
        app.signal("checked")
        await it.ended(first.run_id)

        assert [(task.key, task.status) for task in page] == [("open", TaskStatus.RUNNING)]


async def test_after_its_end_a_run_takes_no_more_tasks(storage: Storage, app: ScriptedApp) -> None:
    async def ends(execution: Execution) -> ExecutionResult:
        return Succeeded(None)

    async with world(storage, app.job("ends", ends)) as it:
        await it.send("ends")
        await it.ended(await it.only_run())
        (execution,) = app.executions
        with pytest.raises(RunNotActiveError):
            await execution.store(execution.record("late"))

        assert (await it.platform.get_run(execution.run_id)).tasks == ()


async def test_an_unknown_run_is_not_found(storage: Storage, app: ScriptedApp) -> None:
    async def ends(execution: Execution) -> ExecutionResult:
        return Succeeded(None)

    async with world(storage, app.job("ends", ends)) as it:
        await it.send("ends")
        await it.ended(await it.only_run())
        (execution,) = app.executions
        with pytest.raises(NotFoundError, match="run_nowhere"):
            await it.platform.record_task("run_nowhere", 1, execution.record("task"))


async def test_a_result_recorded_again_stays_what_it_was(storage: Storage, app: ScriptedApp) -> None:
    async def repeats(execution: Execution) -> ExecutionResult:
        await execution.store(execution.record("a", output="1"))
        await execution.store(execution.record("a", output="1", is_new=False))
        for is_new in (True, False):
            with pytest.raises(AlreadyCompletedError):
                await execution.store(execution.record("a", output="2", is_new=is_new))
        return Succeeded(None)

    async with world(storage, app.job("repeats", repeats)) as it:
        await it.send("repeats")
        run = await it.reach(await it.only_run(), RunStatus.SUCCESS)

        assert [task.output for task in run.tasks] == ["1"]


async def test_a_beginning_recorded_again_does_no_harm(storage: Storage, app: ScriptedApp) -> None:
    async def repeats(execution: Execution) -> ExecutionResult:
        await execution.store(execution.record("a", TaskStatus.RUNNING))
        await execution.store(execution.record("a", TaskStatus.RUNNING, is_new=True))
        await execution.store(execution.record("a", output="1", is_new=False))
        return Succeeded(None)

    async with world(storage, app.job("repeats", repeats)) as it:
        await it.send("repeats")
        run = await it.reach(await it.only_run(), RunStatus.SUCCESS)

        assert [(task.status, task.output) for task in run.tasks] == [(TaskStatus.COMPLETED, "1")]


async def test_a_key_that_belongs_to_another_task_is_a_conflict(storage: Storage, app: ScriptedApp) -> None:
    async def mixes(execution: Execution) -> ExecutionResult:
        await execution.store(execution.record("a", name="charge"))
        with pytest.raises(IdempotencyConflictError, match=r"run_task 'refund' belongs to run_task 'charge'"):
            await execution.store(execution.record("a", name="refund"))
        return Succeeded(None)

    async with world(storage, app.job("mixes", mixes)) as it:
        await it.send("mixes")
        run = await it.reach(await it.only_run(), RunStatus.SUCCESS)

        assert [task.name for task in run.tasks] == ["charge"]


async def test_enclosing_tasks_are_stored_with_the_first_task_inside(storage: Storage, app: ScriptedApp) -> None:
    async def nests(execution: Execution) -> ExecutionResult:
        outer = execution.record("outer", TaskStatus.RUNNING)
        middle = execution.record("middle", TaskStatus.RUNNING, parent="outer")
        await execution.store(execution.record("inner", parent="middle", output="1", ancestors=(outer, middle)))
        # A second branch did not know yet that its ancestors had been stored.
        await execution.store(execution.record("other", parent="middle", output="2", ancestors=(outer, middle)))
        await execution.store(execution.record("middle", parent="outer", is_new=False))
        await execution.store(execution.record("outer", is_new=False))
        return Succeeded(None)

    async with world(storage, app.job("nests", nests)) as it:
        await it.send("nests")
        run = await it.reach(await it.only_run(), RunStatus.SUCCESS)
        (execution,) = app.executions
        ids = {key: execution.task_id(key) for key in ("outer", "middle")}

        assert {task.key: (task.parent_id, task.status) for task in run.tasks} == {
            "outer": (None, TaskStatus.COMPLETED),
            "middle": (ids["outer"], TaskStatus.COMPLETED),
            "inner": (ids["middle"], TaskStatus.COMPLETED),
            "other": (ids["middle"], TaskStatus.COMPLETED),
        }


async def test_a_retry_waits_for_its_time_and_remembers_what_failed(storage: Storage, app: ScriptedApp) -> None:
    failed = ErrorInfo("Timeout", "no answer")

    async def retries(execution: Execution) -> ExecutionResult:
        state = execution.state("call")
        if state is None:
            at = app.clock.now() + timedelta(seconds=5)
            await execution.store(
                execution.record("call", TaskStatus.WAITING, delay_until=at, attempt_error=failed, attempts=2)
            )
            return Suspended((execution.task_id("call"),))
        assert (state.status, state.attempts) == (TaskStatus.RUNNING, 2)
        # A retry that comes due is no completed task.
        assert await it.query("find_fruitless", execution.run_id) == [(1,)]
        await execution.store(execution.record("call", attempts=2, output="1"))
        return Succeeded(None)

    async with world(storage, app.job("retries", retries)) as it:
        await it.send("retries")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(5)
        await it.ended(run_id)
        (task,) = (await it.platform.get_run(run_id)).tasks

        assert (task.status, task.attempts, task.delay_until) == (TaskStatus.COMPLETED, 2, None)
        assert await it.query("list_attempts", task.id) == [
            (1, '{"name":"Timeout","message":"no answer","stack":null,"data":null}')
        ]


async def test_tasks_come_back_on_replay_as_they_were_stored(storage: Storage, app: ScriptedApp) -> None:
    async def replays(execution: Execution) -> ExecutionResult:
        if execution.epoch > 1:
            return Succeeded(None)
        await execution.store(execution.record("ok", output='{"a":[1,"\u00e9"]}'))
        await execution.store(execution.record("bad", TaskStatus.ERRORED, error=ErrorInfo("E", "m", "s")))
        return Yielded("k")

    async with world(storage, app.job("replays", replays)) as it:
        await it.send("replays")
        await it.ended(await it.only_run())
        execution = app.executions[1]
        ok, bad = execution.state("ok"), execution.state("bad")

        assert ok is not None
        assert bad is not None
        assert (ok.output, ok.status, ok.noop, ok.key) == (
            '{"a":[1,"\u00e9"]}',
            TaskStatus.COMPLETED,
            False,
            execution.record("ok").key,
        )
        assert (bad.error, bad.status) == (ErrorInfo("E", "m", "s"), TaskStatus.ERRORED)
        assert [task.id for task in execution.request.tasks] == sorted(execution.known)
