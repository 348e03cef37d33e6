"""Tasks that an endpoint elsewhere creates, completes and fails by requests of its own (v2 protocol, section 6.5)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import UNSET, Struct
from msgspec.structs import replace

from perdure.engine.asked_tasks import canceled, check_key, is_to_begin_anew, record_asked
from perdure.engine.held_tasks import record_of
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
from perdure.protocol.ids import TASK_PREFIX
from perdure.protocol.limits import OUTPUT_LIMIT
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage import remote_tasks, runs
from perdure.storage.remote_tasks import RemoteTask, Settling

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.engine.held_tasks import HeldTasks
    from perdure.engine.holds import Hold, Holds
    from perdure.engine.late_tasks import LateTasks
    from perdure.engine.tasks import Tasks
    from perdure.protocol.execution import ErrorInfo, JsonText
    from perdure.protocol.ids import IdGenerator
    from perdure.protocol.messages.tasks import CreateTaskBody
    from perdure.storage.interface import Session, Storage


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
        self,
        storage: Storage,
        clock: Clock,
        ids: IdGenerator,
        holds: Holds,
        tasks: Tasks,
        *,
        held: HeldTasks,
        late: LateTasks,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._holds = holds
        self._tasks = tasks
        self._held = held
        self._late = late

    async def create(
        self, environment_no: int, run_id: str, body: CreateTaskBody, *, epoch: int | None = None
    ) -> RemoteTask:
        """Create a task; one that the run has already under that idempotency key is given back unchanged.

        In a run that has ended nothing is created: the answer is a CANCELED task, by which the endpoint learns of it.
        What a job goes on with that has not awaited it is excepted (`LateTasks`).
        ``epoch`` is the execution that asks, if it has said so.

        Raises:
            NotFoundError: The environment has no such run.
            InvalidArgumentError: The idempotency key is none, or the run has no such parent task.
            StaleExecutionError: The run is not executing.
        """
        key = check_key(body.idempotency_key)
        record = record_asked(body, key, id=self._ids.new(TASK_PREFIX), now=self._clock.now())
        hold = self._hold(environment_no, run_id, epoch)
        new = None if hold is None or record.wait is not None else await self._held.create(hold, record)
        if new is not None:
            return new
        writing, stored = await self._storage.read(_look, environment_no, run_id, key)
        if writing is None:
            raise NotFoundError("Run not found")
        # Its execution may end between the two looks: what the run takes then is up to the statement that writes.
        is_late = epoch is None
        if stored is not None:
            if is_late and stored.status is TaskStatus.CANCELED:
                late = await self._late.create(run_id, writing.run_no, writing.status, record, stored)
                return stored if late is None else late
            if writing.status.is_final or not is_to_begin_anew(stored, record):
                return stored
            record = replace(record, id=stored.id, started_at=stored.started_at, attempts=stored.attempts, is_new=False)
        if body.parent_id is not UNSET and not await self._storage.read(_has_task, writing.run_no, body.parent_id):
            raise InvalidArgumentError("The run has no task with the id that is given as parentId.")
        if is_late and stored is None:
            late = await self._late.create(run_id, writing.run_no, writing.status, record, None)
            if late is not None:
                return late
        if writing.status.is_final:
            return canceled(record, self._clock.now())
        epoch = self._epoch(run_id, epoch)
        # Another request may have created it meanwhile; whichever was first, both are told of that one.
        with suppress(IdempotencyConflictError, AlreadyCompletedError):
            await self._tasks.record(environment_no, run_id, epoch, self._tasks.checked(environment_no, record))
        found = await self._storage.read(remote_tasks.find_by_key, writing.run_no, key=key)
        assert found is not None
        return found

    def note_refusal(self, environment_no: int, run_id: str, sentence: str) -> None:
        """Note that a task was refused and will be refused again: if its execution ends there, so does its run."""
        hold = self._hold(environment_no, run_id, None)
        if hold is not None:
            hold.refused = sentence

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

    async def has_failed_task(self, environment_no: int, run_id: str) -> bool:
        """Whether the environment has such a run, and a task of it has failed."""
        return await self._storage.read(remote_tasks.has_failed_task, environment_no, run_id=run_id)

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
        settling = Settling(status, self._clock.now(), output, error, properties)
        if hold is not None:
            settled = await self._held.settle(hold, task_id, settling)
            if settled is not None:
                return settled
        writing, task = await self._storage.read(_look_by_id, environment_no, run_id, task_id)
        if writing is None or task is None:
            raise NotFoundError("Task not found")
        if epoch is None:
            settled = await self._late.settle(run_id, writing.run_no, task, settling)
            if settled is not None:
                return settled
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
        is_it = hold is not None and hold.environment_no == environment_no and epoch in (None, hold.name, hold.epoch)
        return hold if is_it else None

    def _epoch(self, run_id: str, epoch: int | None) -> int:
        hold = self._holds.find(run_id)
        if hold is None or epoch not in (None, hold.name, hold.epoch):
            raise StaleExecutionError
        return hold.epoch


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
