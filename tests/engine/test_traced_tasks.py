"""Each task that the server completes is told to whoever collects traces, once, whatever becomes of its run then."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

import pytest

from perdure.config.settings import Settings
from perdure.engine.tracing import Headers, no_headers
from perdure.protocol.endpoint import LimitSpec
from perdure.protocol.execution import ExecutionResult, Succeeded, Suspended, TaskRecord
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.protocol.task_waits import EventWait
from perdure.storage.interface import Storage
from perdure.storage.operations import OperationRow
from perdure.storage.run_queue import ClaimedRun
from tests.engine.app import Execution, Script, ScriptedApp
from tests.engine.ticking import until
from tests.engine.world import world


class Trace:
    """Implements `perdure.engine.tracing.Tracing`."""

    def __init__(self) -> None:
        self.tasks: list[tuple[str, str]] = []
        self.runs: list[str] = []

    def execution(self, run: ClaimedRun, environment: str) -> AbstractContextManager[None]:
        return nullcontext()

    def request(self, row: OperationRow) -> AbstractContextManager[None]:
        return nullcontext()

    def headers(self) -> Headers:
        return no_headers()

    def task_has_ended(self, run_id: str, task: TaskRecord) -> None:
        self.tasks.append((run_id, task.name))

    def run_has_ended(self, run: ClaimedRun, environment: str, *, status: RunStatus, at: datetime) -> None:
        self.runs.append(run.id)


async def waits_for_two(execution: Execution) -> ExecutionResult:
    waiting = [await execution.wait_outside(name, event(name)) for name in ("first", "second")]
    left = tuple(task_id for task_id in waiting if task_id is not None)
    return Suspended(left) if left else Succeeded(None)


async def waits_for_all_of_a_block(execution: Execution) -> ExecutionResult:
    names = ("first", "second")
    if execution.epoch == 1:
        await execution.store(execution.record("block", TaskStatus.RUNNING))
        for name in names:
            wait = execution.record(
                name, TaskStatus.WAITING, operation="wait_for_event", parent="block", wait=event(name)
            )
            await execution.store(wait)
    if all(execution.is_over(name) for name in names):
        return Succeeded(None)
    return Suspended(tuple(map(execution.task_id, names)), block=execution.task_id("block"))


async def works(execution: Execution) -> ExecutionResult:
    """Is at work until the test says so."""
    await execution.app.happened("go on")
    return Succeeded(None)


def event(name: str) -> EventWait:
    return EventWait(name, "trigger.dev", None, None, None, 3600)


def all_are(status: RunStatus, count: int) -> Callable[[dict[str, str]], bool]:
    return lambda runs: list(runs.values()).count(status) == count


@pytest.mark.parametrize("limit", [None, LimitSpec(1)], ids=["at once", "from the line"])
@pytest.mark.parametrize("script", [waits_for_two, waits_for_all_of_a_block])
async def test_tasks_whose_waits_are_over_are_told(
    storage: Storage, app: ScriptedApp, script: Script, limit: LimitSpec | None
) -> None:
    trace = Trace()
    async with world(storage, app.job("waits", script, limit=limit), tracing=trace) as it:
        await it.send("waits")
        run_id = await it.only_run()
        for name in ("first", "second"):
            await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
            await it.send(name)
        await until(lambda: trace.runs == [run_id])

        assert sorted(trace.tasks) == [(run_id, "first"), (run_id, "second")]


async def test_a_task_whose_wait_is_over_while_its_run_is_in_line_is_told(storage: Storage, app: ScriptedApp) -> None:
    trace = Trace()
    app.job("waits", waits_for_two).job("works", works)
    async with world(storage, app, settings=Settings(retention=None, max_executions=1), tracing=trace) as it:
        await it.send("waits")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        await it.send("works")
        await app.happened("execute works 1")
        await it.send("first")
        await it.reach(run_id, RunStatus.WAITING_TO_EXECUTE)
        await it.send("second")
        app.signal("go on")
        await it.until(all_are(RunStatus.SUCCESS, 2))
        await until(lambda: run_id in trace.runs)

        assert sorted(trace.tasks) == [(run_id, "first"), (run_id, "second")]


async def test_tasks_whose_waits_are_over_while_their_run_is_at_work_are_told(
    storage: Storage, app: ScriptedApp
) -> None:
    async def waits_at_work(execution: Execution) -> ExecutionResult:
        result = await waits_for_two(execution)
        await execution.app.happened("go on")
        return result

    trace = Trace()
    async with world(storage, app.job("waits", waits_at_work), tracing=trace) as it:
        await it.send("waits")
        run_id = await it.only_run()
        await it.see(run_id, lambda run: len(run.tasks) == 2)
        await it.send("first")
        await it.send("second")
        app.signal("go on")
        await until(lambda: trace.runs == [run_id])

        assert sorted(trace.tasks) == [(run_id, "first"), (run_id, "second")]
