"""Tasks of executions that this node holds, written without a look before or after.

All that has to be known of such a run is in memory, and the statement that writes checks that it is still so. Each look
into the database would cost as much as the rest of a call: a commit since the last one has emptied the reader's cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.protocol.execution import TaskRecord
from perdure.protocol.statuses import TaskStatus
from perdure.storage import remote_tasks, tasks, timers
from perdure.storage.remote_tasks import RemoteTask, Settling

if TYPE_CHECKING:
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Hold
    from perdure.engine.tracing import Tracing
    from perdure.storage.interface import Session, Storage


class HeldTasks:
    """Writes what is usual; whatever is not is left to `RemoteTasks`, which looks before."""

    def __init__(self, storage: Storage, hints: Hints, tracing: Tracing | None = None) -> None:
        self._storage = storage
        self._hints = hints
        self._tracing = tracing

    async def create(self, hold: Hold, record: TaskRecord) -> RemoteTask | None:
        """Store a new task that does not wait for anything from outside; returns when it is durable.

        Returns:
            The task; ``None``: nothing is stored. The run may have one under its key, or no such parent, or may be held
            by another execution.
        """
        hold.has_open_tasks |= record.status is not TaskStatus.COMPLETED
        if not await self._storage.write(store_new, hold.run_no, hold.epoch, record):
            return None
        if record.delay_until is not None:
            self._hints.timer_is_set(record.delay_until)
        if self._tracing is not None and record.status.is_final:
            self._tracing.task_has_ended(hold.run_id, record)
        self._note(hold, record.status)
        return RemoteTask(
            record.id, record.key, record.parent_id, record.operation, record.name, record.display_key, record.status,
            record.noop, record.attempts, record.started_at, record.completed_at, record.delay_until, record.params,
            record.output, record.error, record.output_properties, record.details,
        )  # fmt: skip

    async def settle(self, hold: Hold, task_id: str, settling: Settling) -> RemoteTask | None:
        """Give a task its outcome whose body is at work; returns when it is durable.

        Returns:
            The task; ``None``: nothing is stored. It may have its outcome, or wait, or the run may have no such task or
            be held by another execution.
        """
        task = await self._storage.write(
            remote_tasks.settle_if_running, task_id, run_no=hold.run_no, epoch=hold.epoch, settling=settling
        )
        if task is not None:
            if self._tracing is not None:
                self._tracing.task_has_ended(hold.run_id, record_of(task))
            self._note(hold, task.status)
        return task

    def _note(self, hold: Hold, status: TaskStatus) -> None:
        if status is TaskStatus.COMPLETED:
            hold.is_fruitful = True
        self._hints.run_has_changed(hold.run_id)


def record_of(task: RemoteTask) -> TaskRecord:
    """Give a stored task as what an execution says of it."""
    return TaskRecord(
        task.id, task.key, task.parent_id, task.operation, task.name, task.status, task.started_at,
        display_key=task.display_key, noop=task.noop, attempts=task.attempts, output=task.output, error=task.error,
        completed_at=task.completed_at, is_new=False,
    )  # fmt: skip


async def store_new(tx: Session, run_no: int, epoch: int, record: TaskRecord) -> bool:
    """Store a new task, with its timer; not if its key exists, the run has no such parent, or is held by another."""
    parent = record.parent_id
    if parent is not None and not await remote_tasks.exists(tx, run_no, task_id=parent):
        return False
    if not await tasks.insert_if_executing(tx, run_no, epoch, record):
        return False
    if record.status is TaskStatus.WAITING and record.delay_until is not None:
        await timers.set_task_timer(tx, record.id, due_at=record.delay_until)
    return True
