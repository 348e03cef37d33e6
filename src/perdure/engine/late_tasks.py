"""Tasks that an app goes on with after its execution is over: those that a job has begun and does not await.

Clients of the v2 protocol do not say which execution asks. While nobody executes the run, nothing is taken from anybody
by letting it do so: its work is done, and an app that was refused would die of the promise that nobody looks at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage import remote_tasks

if TYPE_CHECKING:
    from perdure.engine.hints import Hints
    from perdure.protocol.execution import TaskRecord
    from perdure.storage.interface import Storage
    from perdure.storage.remote_tasks import RemoteTask, Settling

_OVER: Final = frozenset({RunStatus.SUCCESS, RunStatus.FAILURE})
"""Ends that an app itself has told of; of any other it is to learn by its next task."""

_PAUSED: Final = frozenset({RunStatus.QUEUED, RunStatus.WAITING_TO_CONTINUE, RunStatus.WAITING_TO_EXECUTE})


class LateTasks:
    """Writes tasks of runs that nobody executes."""

    def __init__(self, storage: Storage, hints: Hints) -> None:
        self._storage = storage
        self._hints = hints

    async def create(
        self, run_id: str, run_no: int, status: RunStatus, record: TaskRecord, stored: RemoteTask | None
    ) -> RemoteTask | None:
        """Store a task whose body the app does, or that is done by being stored; the task as the app is told of it.

        In a run that is over it is stored as ``CANCELED`` until it has its outcome, so that nothing there stays open.

        Returns:
            ``None``: the run does not take it. It may be executed, or the task would wait for something.
        """
        is_plain = record.status is TaskStatus.COMPLETED or (record.status is TaskStatus.RUNNING and not record.wait)
        if not is_plain or status not in _OVER | _PAUSED:
            return None
        if stored is None:
            closes = status in _OVER and record.status is TaskStatus.RUNNING
            kept = replace(record, status=TaskStatus.CANCELED, completed_at=record.started_at) if closes else record
            await self._storage.write(remote_tasks.insert_late, run_no, kept)
            stored = await self._storage.read(remote_tasks.find_by_key, run_no, key=record.key)
            if stored is None:
                return None
            self._hints.run_has_changed(run_id)
        if status in _OVER and stored.status is TaskStatus.CANCELED:
            return replace(stored, status=TaskStatus.RUNNING, completed_at=None)
        return stored

    async def settle(self, run_id: str, run_no: int, task: RemoteTask, settling: Settling) -> RemoteTask | None:
        """Give a task its outcome; ``None``: it is not a task whose body is at work, or somebody executes the run."""
        settled = await self._storage.write(remote_tasks.settle_late, task.id, run_no=run_no, settling=settling)
        if settled is not None:
            self._hints.run_has_changed(run_id)
        return settled
