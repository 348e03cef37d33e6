"""Traces of tasks that the server completes itself: what was fetched, called back, sent or run for them has come."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from perdure.engine.held_tasks import record_of
from perdure.engine.waits import states_by_run
from perdure.errors import StorageError
from perdure.storage import remote_tasks, runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from perdure.engine.tracing import Tracing
    from perdure.engine.waits import Resolved, Woken
    from perdure.protocol.execution import TaskState
    from perdure.storage.interface import Storage


class SettledTasks:
    """Tells of tasks whose waits are over. Their requests are spans inside of them, so each is to be sent.

    Args:
        storage: Knows when they began.
        tracing: Is told.
    """

    def __init__(self, storage: Storage, tracing: Tracing) -> None:
        self._storage = storage
        self._tracing = tracing
        self._telling: set[asyncio.Task[None]] = set()

    def tell(self, woken: Woken) -> None:
        """Tell of those that have their outcome; whoever has stored it does not wait for that."""
        self._begin(woken.run.run_no, woken.run.id, woken.states)

    def tell_of_others(self, resolved: Iterable[Resolved]) -> None:
        """Tell likewise of tasks whose runs were not woken: they were in line already, or wait for others."""
        for run_no, states in states_by_run(resolved).items():
            self._begin(run_no, None, states)

    def _begin(self, run_no: int, run_id: str | None, states: Sequence[TaskState]) -> None:
        task_ids = [state.id for state in states if state.status.is_final and not state.noop]
        if task_ids:
            telling = asyncio.get_running_loop().create_task(self._tell(run_no, run_id, task_ids))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    async def told(self) -> None:
        """Return when all are told of."""
        if self._telling:
            await asyncio.wait(self._telling)

    async def _tell(self, run_no: int, run_id: str | None, task_ids: list[str]) -> None:
        # A trace is not worth more.
        with suppress(StorageError):
            known = await self._storage.read(runs.find_id, run_no) if run_id is None else run_id
            for task_id in task_ids:
                task = await self._storage.read(remote_tasks.find_by_id, run_no, task_id=task_id)
                if task is not None and known is not None:
                    self._tracing.task_has_ended(known, record_of(task))
