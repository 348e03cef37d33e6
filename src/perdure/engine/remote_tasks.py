"""Tasks that an endpoint elsewhere creates, completes and fails by requests of its own (v2 protocol, section 6.5)."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import UNSET, Struct
from msgspec.structs import replace

from perdure.engine.held_tasks import record_of
from perdure.engine.server_tasks import details_of, operation_of
from perdure.errors import (
    AlreadyCompletedError,
    ExecutionError,
    IdempotencyConflictError,
    InvalidArgumentError,
    NotFoundError,
    RunError,
    StaleExecutionError,
    ValueTooLargeError,
)
from perdure.protocol.execution import ErrorInfo, JsonText, TaskRecord
from perdure.protocol.failures import failure_of
from perdure.protocol.ids import TASK_PREFIX
from perdure.protocol.json_text import dump, load
from perdure.protocol.limits import OUTPUT_LIMIT
from perdure.protocol.messages.display import complete_properties
from perdure.protocol.redacted import mask_redacted
from perdure.protocol.remote_requests import split_params
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.protocol.task_waits import CallbackWait, Operation
from perdure.storage import remote_tasks, runs
from perdure.storage.remote_tasks import RemoteTask, Settling

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.held_tasks import HeldTasks
    from perdure.engine.holds import Hold, Holds
    from perdure.engine.tasks import Tasks
    from perdure.protocol.ids import IdGenerator
    from perdure.protocol.messages.tasks import CreateTaskBody
    from perdure.storage.interface import Session, Storage

_KEY = re.compile("[0-9a-f]{64}")

PAGE = 250
"""How many cached tasks one answer brings at most."""

PAGE_BUDGET = 2_000_000
"""How many characters of output the cached tasks of one answer have together."""


class Writing(Struct, frozen=True, gc=False):
    """A run that an endpoint writes to; ``epoch`` is that of the execution at work here, ``None``: there is none."""

    run_no: int
    status: RunStatus
    epoch: int | None


class RemoteTasks:
    """Does what endpoints ask of tasks."""

    def __init__(
        self, storage: Storage, clock: Clock, ids: IdGenerator, holds: Holds, tasks: Tasks, held: HeldTasks
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._holds = holds
        self._tasks = tasks
        self._held = held

    async def create(
        self, environment_no: int, run_id: str, body: CreateTaskBody, *, epoch: int | None = None
    ) -> RemoteTask:
        """Create a task; one that the run has already under that idempotency key is given back unchanged.

        In a run that has ended nothing is created: the answer is a CANCELED task, by which the endpoint learns of it.
        ``epoch`` is the execution that asks, if it has said so.

        Raises:
            NotFoundError: The environment has no such run.
            InvalidArgumentError: The idempotency key is none, or the run has no such parent task.
            StaleExecutionError: The run is not executing.
        """
        key = check_key(body.idempotency_key)
        record = self._record(body, key)
        hold = self._hold(environment_no, run_id, epoch)
        new = None if hold is None or record.wait is not None else await self._held.create(hold, record)
        if new is not None:
            return new
        writing, stored = await self._storage.read(_look, environment_no, run_id, key)
        if writing is None:
            raise NotFoundError("Run not found")
        if stored is not None:
            if writing.status.is_final or not _is_to_begin_anew(stored, record):
                return stored
            record = replace(record, id=stored.id, started_at=stored.started_at, is_new=False)
        if body.parent_id is not UNSET and not await self._storage.read(_has_task, writing.run_no, body.parent_id):
            raise InvalidArgumentError("The run has no task with the id that is given as parentId.")
        if writing.status.is_final:
            return _canceled(record, self._clock.now())
        epoch = self._epoch(run_id, epoch)
        # Another request may have created it meanwhile; whichever was first, both are told of that one.
        with suppress(IdempotencyConflictError, AlreadyCompletedError):
            await self._tasks.record(environment_no, run_id, epoch, self._tasks.checked(environment_no, record))
        found = await self._storage.read(remote_tasks.find_by_key, writing.run_no, key=key)
        assert found is not None
        return found

    async def complete(
        self,
        environment_no: int,
        run_id: str,
        task_id: str,
        *,
        output: JsonText | None,
        properties: JsonText | None,
        epoch: int | None = None,
    ) -> RemoteTask:
        """Complete a task; one that has its outcome is given back unchanged.

        Raises:
            NotFoundError: The environment has no such run, or the run no such task.
            ValueTooLargeError: The output has more than 3 MiB.
            StaleExecutionError: The run is not executing.
        """
        if output is not None and len(output.encode()) > OUTPUT_LIMIT:
            raise ValueTooLargeError("Output must be less than 3MB")
        return await self._settle(
            environment_no, run_id, task_id, status=TaskStatus.COMPLETED, output=output, properties=properties,
            epoch=epoch,
        )  # fmt: skip

    async def fail(
        self, environment_no: int, run_id: str, task_id: str, *, error: ErrorInfo, epoch: int | None = None
    ) -> RemoteTask:
        """Fail a task; errors are those of `complete`."""
        return await self._settle(environment_no, run_id, task_id, status=TaskStatus.ERRORED, error=error, epoch=epoch)

    async def list_completed(
        self, environment_no: int, run_id: str, *, cursor: str
    ) -> tuple[list[RemoteTask], str | None]:
        """List completed tasks from an id on, as many as one answer holds; where the next ones begin."""
        page = await self._storage.read(_list_completed, environment_no, run_id, cursor)
        taken: list[RemoteTask] = []
        size = 0
        for task in page[:PAGE]:
            size += len(task.output or "")
            if taken and size > PAGE_BUDGET:
                return taken, task.id
            taken.append(task)
        return taken, page[PAGE].id if len(page) > PAGE else None

    def _record(self, body: CreateTaskBody, key: str) -> TaskRecord:
        now = self._clock.now()
        status = TaskStatus.RUNNING
        delay_until: datetime | None = None
        error: ErrorInfo | None = None
        if body.delay_until is not UNSET and body.delay_until > now:
            status, delay_until = TaskStatus.WAITING, body.delay_until
        operation = operation_of(body)
        params = None if body.params is UNSET else load(bytes(body.params).decode())
        wait: CallbackWait | Operation | None = None
        if body.callback is not UNSET and body.callback.enabled:
            seconds = body.callback.timeout_in_seconds
            status, wait = TaskStatus.WAITING, CallbackWait(seconds if seconds > 0 else None)
        elif body.operation is not UNSET:
            try:
                params, secrets = split_params(params)
                status, wait = TaskStatus.WAITING, Operation(secrets)
            except InvalidArgumentError as refusal:
                # What the engine is to do is no request: the task fails with that, at once.
                status, error = TaskStatus.ERRORED, failure_of(refusal)
        elif body.noop and delay_until is None:
            status = TaskStatus.COMPLETED
        properties = [] if body.properties is UNSET else complete_properties(body.properties)
        return TaskRecord(
            self._ids.new(TASK_PREFIX),
            key,
            None if body.parent_id is UNSET else body.parent_id,
            operation,
            "Task" if body.name is UNSET else body.name,
            status,
            now,
            display_key=None if body.display_key is UNSET else body.display_key,
            noop=body.noop,
            params=None if params is None else JsonText(dump(mask_redacted(params), root="params")),
            delay_until=delay_until,
            error=error,
            completed_at=now if status.is_final else None,
            details=details_of(body, properties),
            wait=wait,
        )

    async def _settle(
        self,
        environment_no: int,
        run_id: str,
        task_id: str,
        *,
        status: TaskStatus,
        output: JsonText | None = None,
        error: ErrorInfo | None = None,
        properties: JsonText | None = None,
        epoch: int | None,
    ) -> RemoteTask:
        hold = self._hold(environment_no, run_id, epoch)
        if hold is not None:
            settling = Settling(status, self._clock.now(), output, error, properties)
            settled = await self._held.settle(hold, task_id, settling)
            if settled is not None:
                return settled
        writing, task = await self._storage.read(_look_by_id, environment_no, run_id, task_id)
        if writing is None or task is None:
            raise NotFoundError("Task not found")
        if task.status.is_final:
            return task
        now = self._clock.now()
        record = replace(
            record_of(task), status=status, output=output, error=error, completed_at=now, output_properties=properties
        )
        try:
            await self._tasks.record(environment_no, run_id, self._epoch(run_id, epoch), record)
        except (RunError, ExecutionError):
            # It may have got its outcome from elsewhere in between, by the end of its run for instance.
            found = await self._storage.read(remote_tasks.find_by_id, writing.run_no, task_id=task_id)
            if found is None or not found.status.is_final:
                raise
            return found
        found = await self._storage.read(remote_tasks.find_by_id, writing.run_no, task_id=task_id)
        assert found is not None
        return found

    def _hold(self, environment_no: int, run_id: str, epoch: int | None) -> Hold | None:
        """Give the execution that asks, if it is one of this node."""
        hold = self._holds.find(run_id)
        is_it = hold is not None and hold.environment_no == environment_no and epoch in (None, hold.epoch)
        return hold if is_it else None

    def _epoch(self, run_id: str, epoch: int | None) -> int:
        hold = self._holds.find(run_id)
        if hold is None or epoch not in (None, hold.epoch):
            raise StaleExecutionError
        return hold.epoch


def check_key(key: str) -> str:
    """Check an idempotency key: 64 hexadecimal digits.

    Raises:
        InvalidArgumentError: It is none.
    """
    if _KEY.fullmatch(key) is None:
        raise InvalidArgumentError("An idempotency key is 64 lower-case hexadecimal digits.")
    return key


async def _look(tx: Session, environment_no: int, run_id: str, key: str) -> tuple[Writing | None, RemoteTask | None]:
    writing = await _find_run(tx, environment_no, run_id)
    return writing, None if writing is None else await remote_tasks.find_by_key(tx, writing.run_no, key=key)


async def _look_by_id(
    tx: Session, environment_no: int, run_id: str, task_id: str
) -> tuple[Writing | None, RemoteTask | None]:
    writing = await _find_run(tx, environment_no, run_id)
    return writing, None if writing is None else await remote_tasks.find_by_id(tx, writing.run_no, task_id=task_id)


async def _find_run(tx: Session, environment_no: int, run_id: str) -> Writing | None:
    found = await runs.find_writer(tx, environment_no, run_id=run_id)
    return None if found is None else Writing(*found)


async def _has_task(tx: Session, run_no: int, task_id: str) -> bool:
    return await remote_tasks.find_by_id(tx, run_no, task_id=task_id) is not None


async def _list_completed(tx: Session, environment_no: int, run_id: str, cursor: str) -> list[RemoteTask]:
    run_no = await runs.find_number(tx, environment_no, run_id=run_id)
    if run_no is None:
        return []
    return await remote_tasks.list_completed(tx, run_no, cursor=cursor, limit=PAGE + 1)


def _is_to_begin_anew(task: RemoteTask, asked: TaskRecord) -> bool:
    """Whether a task that waits for something outside was opened again, as its run was continued."""
    return task.status is TaskStatus.RUNNING and asked.wait is not None


def _canceled(record: TaskRecord, now: datetime) -> RemoteTask:
    return RemoteTask(
        record.id, record.key, record.parent_id, record.operation, record.name, record.display_key,
        TaskStatus.CANCELED, record.noop, 1, now, now, record.delay_until, record.params, None, None, None,
        record.details,
    )  # fmt: skip
