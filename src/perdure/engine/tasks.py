"""Recording what an execution says of its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from perdure.engine.run_waits import keyed_requests
from perdure.engine.server_tasks import LOG
from perdure.engine.task_records import (
    end_of,
    insert_results,
    store_failed_wait,
    store_operation,
    store_runs_wait,
    store_task,
    store_waiting_task,
)
from perdure.errors import BlockedAddressError, InvalidArgumentError, NotFoundError, RunError, ValueTooLargeError
from perdure.protocol.failures import failure_of
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_waits import EventWait, Operation, RunsWait
from perdure.storage import runs, tasks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.executions import Executions
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Hold, Holds
    from perdure.engine.invocations import Invocations
    from perdure.engine.operations import Operations
    from perdure.engine.starts import Starts
    from perdure.engine.tracing import Tracing
    from perdure.protocol.execution import TaskRecord
    from perdure.protocol.task_waits import TaskWait
    from perdure.storage.interface import Storage

    Result = tuple[Hold, int, TaskRecord]

_UNDOABLE = (InvalidArgumentError, ValueTooLargeError, BlockedAddressError)


class Tasks:
    """Stores tasks for executions, of this node and of others."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        directory: Directory,
        holds: Holds,
        hints: Hints,
        *,
        invocations: Invocations,
        starts: Starts,
        executions: Executions,
        operations: Operations,
        tracing: Tracing | None = None,
    ) -> None:
        self._storage = storage
        self._operations = operations
        self._clock = clock
        self._invocations = invocations
        self._starts = starts
        self._executions = executions
        self._directory = directory
        self._holds = holds
        self._hints = hints
        self._tracing = tracing

    def checked(self, environment_no: int, record: TaskRecord) -> TaskRecord:
        """Give a task as it is to be stored: failed, if the engine is to do its work and that can be seen to fail."""
        wait = record.wait
        if isinstance(wait, Operation) and not record.status.is_final:
            try:
                self._operations.check(environment_no, record, wait)
            except _UNDOABLE as error:
                return replace(
                    record,
                    status=TaskStatus.ERRORED,
                    completed_at=self._clock.now(),
                    error=failure_of(error),
                    wait=None,
                )
        return record

    async def record(self, environment_no: int, run_id: str, epoch: int, record: TaskRecord) -> None:
        """Store a task's beginning, state or both; returns when it is durable.

        Raises:
            StaleExecutionError: Another execution holds the run.
            RunNotActiveError: The run has ended.
            IdempotencyConflictError: The key belongs to another task of the run.
            NotFoundError: The environment has no such run.
        """
        hold = self._holds.find(run_id)
        run_no = hold.run_no if hold is not None else await find_run_no(self._storage, environment_no, run_id)
        completed = record.status is TaskStatus.COMPLETED
        if not completed and hold is not None:
            hold.has_open_tasks = True
        wait = record.wait
        if wait is None:
            if not (
                completed
                and record.is_new
                and not record.ancestors
                and await self._storage.write(tasks.insert_if_executing, run_no, epoch, record)
            ):
                await self._storage.write(store_task, run_no, epoch, record, now=self._clock.now())
        elif isinstance(wait, Operation):
            await self._record_operation(environment_no, run_no, run_id, epoch, record, wait)
        else:
            await self._record_wait(environment_no, run_no, epoch, record, wait)
        self._note_stored(hold, run_id, epoch, record)

    async def record_results(self, results: Sequence[Result]) -> list[bool]:
        """Store new tasks that have their results, in one unit of work; returns when they are durable.

        Returns:
            Of each whether it was stored: if not, `record` does it, or says why not.
        """
        given = [(hold.run_no, epoch, record) for hold, epoch, record in results]
        stored = await self._storage.write(insert_results, given)
        for is_stored, (hold, epoch, record) in zip(stored, results, strict=True):
            if is_stored:
                self._note_stored(hold, hold.run_id, epoch, record)
        return stored

    def _note_stored(self, hold: Hold | None, run_id: str, epoch: int, record: TaskRecord) -> None:
        if self._tracing is not None and record.status.is_final:
            self._tracing.task_has_ended(run_id, record)
        if record.status is TaskStatus.COMPLETED:
            # Each execution may write another line of the log: that is no progress.
            if hold is not None and hold.epoch == epoch and record.operation != LOG:
                hold.is_fruitful = True
        elif record.delay_until is not None:
            self._hints.timer_is_set(record.delay_until)
        self._hints.run_has_changed(run_id)

    async def _record_wait(
        self, environment_no: int, run_no: int, epoch: int, record: TaskRecord, wait: TaskWait
    ) -> None:
        now = self._clock.now()
        if isinstance(wait, EventWait):
            self._directory.event_is_awaited(environment_no, wait.name)
        if isinstance(wait, RunsWait) and not record.status.is_final:
            await self._record_runs_wait(environment_no, run_no, epoch, record, wait, now)
        else:
            await self._storage.write(store_waiting_task, environment_no, run_no, epoch, record, wait, now=now)
        until = end_of(wait, now)
        if until is not None:
            self._hints.timer_is_set(until)

    async def _record_runs_wait(
        self, environment_no: int, run_no: int, epoch: int, record: TaskRecord, wait: RunsWait, now: datetime
    ) -> None:
        """Start the runs that a task waits for; if they cannot be started, that is what the task fails with."""
        task = (environment_no, run_no, epoch, record, wait)
        try:
            planned = [
                await self._invocations.plan(environment_no, request) for request in keyed_requests(record.key, wait)
            ]
            runs = [invocation.run for invocation in planned]
            woken = await self._starts.write(runs, store_runs_wait, *task, planned, now=now)
        except RunError as error:
            woken = await self._storage.write(store_failed_wait, *task, failure_of(error), now=now)
        self._executions.resolve_all(woken)

    async def _record_operation(
        self, environment_no: int, run_no: int, run_id: str, epoch: int, record: TaskRecord, wait: Operation
    ) -> None:
        now = self._clock.now()
        plan = self._operations.plan(record, wait, now)
        try:
            task_no = await self._storage.write(store_operation, run_no, epoch, record, plan, now=now)
        except BaseException:
            self._operations.give_up(plan)
            raise
        self._operations.take_up(
            plan, record, task_no=task_no, run_no=run_no, run_id=run_id, environment_no=environment_no
        )


async def find_run_no(storage: Storage, environment_no: int, run_id: str) -> int:
    """Look up the number of a run.

    Raises:
        NotFoundError: The environment has no such run.
    """
    run_no = await storage.read(runs.find_number, environment_no, run_id=run_id)
    if run_no is None:
        raise NotFoundError(f"There is no run {run_id!r} in this environment.")
    return run_no
