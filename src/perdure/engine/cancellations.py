"""Cancelling runs: one, those of an event, those of a job (v2 protocol, section 6.11)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.engine.endings import Ending, conclude
from perdure.engine.run_ends import close_tasks
from perdure.engine.waits import Waking, Woken
from perdure.errors import NotFoundError, StorageUnavailableError
from perdure.protocol.runs import CancelAnswer
from perdure.protocol.statuses import ExecutionStatus, TaskStatus
from perdure.storage import events, executions, run_lists, runs
from perdure.storage.stretches import NEWEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Holds
    from perdure.engine.invocations import Invocations
    from perdure.engine.line import Line
    from perdure.storage.interface import Session, Storage

CANCEL_BATCH = 100
"""How many runs are cancelled in one transaction."""

_STRETCH = 1000
"""How many runs of a job are looked at in one read."""

_log = logging.getLogger(__name__)


class Cancelled(Struct, frozen=True):
    """A run that was cancelled, and what else came of that."""

    run_id: str
    ending: Ending


class Cancellations:
    """Cancels runs, and stops their code."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        invocations: Invocations,
        directory: Directory,
        line: Line,
        holds: Holds,
        hints: Hints,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._invocations = invocations
        self._directory = directory
        self._line = line
        self._holds = holds
        self._hints = hints

    async def cancel(self, environment_no: int, run_id: str) -> None:
        """Cancel a run unless it has ended.

        Raises:
            NotFoundError: The environment has no such run.
        """
        run_no = await self._storage.read(runs.find_number, environment_no, run_id=run_id)
        if run_no is None:
            raise NotFoundError(f"There is no run {run_id!r} in this environment.")
        await self._cancel([(run_no, run_id)])

    async def cancel_for_event(self, environment_no: int, event_id: str) -> CancelAnswer:
        """Cancel the runs of an event that have not ended.

        Raises:
            NotFoundError: The environment has no such event.
        """
        if await self._storage.read(events.find_event, environment_no, event_id=event_id) is None:
            raise NotFoundError(f"There is no event {event_id!r} in this environment.")
        active = await self._storage.scan(run_lists.list_active_of_event, environment_no, event_id=event_id)
        return _answer([await self._cancel_some(active)])

    async def cancel_for_job(self, environment_no: int, job_id: str) -> CancelAnswer:
        """Cancel the runs of a job that exist and have not ended, however many these are.

        Raises:
            NotFoundError: The environment has never seen the job.
        """
        job = await self._invocations.find_job(environment_no, job_id)
        parts: list[CancelAnswer] = []
        # The newest first: none of them is executed for a place that an older one has left.
        below: int | None = NEWEST
        while below is not None:
            active, below = await self._storage.scan(
                run_lists.list_active_of_job, job.job_no, below=below, limit=_STRETCH
            )
            parts.append(await self._cancel_some(active))
        return _answer(parts)

    async def _cancel_some(self, active: Sequence[tuple[int, str]]) -> CancelAnswer:
        """Cancel runs, batch by batch; one that cannot be stored does not keep the others."""
        cancelled: list[str] = []
        failed: list[str] = []
        for first in range(0, len(active), CANCEL_BATCH):
            batch = active[first : first + CANCEL_BATCH]
            try:
                cancelled += await self._cancel(batch)
            except StorageUnavailableError as error:
                _log.warning("%d runs could not be cancelled: %s", len(batch), error)
                failed += [run_id for _, run_id in batch]
        return CancelAnswer(tuple(cancelled), tuple(failed))

    async def _cancel(self, batch: Sequence[tuple[int, str]]) -> list[str]:
        cancelled = await self._line.wake(len(batch), cancel_runs, batch, now=self._clock.now())
        for one in cancelled:
            self._stop(one.run_id)
            self._hints.run_has_ended(one.run_id)
            if one.ending.is_to_be_told:
                self._hints.notifications.set()
        return [one.run_id for one in cancelled]

    def _stop(self, run_id: str) -> None:
        hold = self._holds.find(run_id)
        endpoints = self._directory.endpoints() if hold is None else {hold.endpoint}
        if hold is not None:
            # Whoever waits for the run is to look it up, though its code may take a while to end.
            self._holds.drop(hold)
            # There is room for another.
            self._hints.run_is_in_line()
        for endpoint in endpoints:
            endpoint.abort(run_id, "The run was cancelled.")


async def cancel_runs(tx: Session, batch: Sequence[tuple[int, str]], *, now: datetime) -> Waking[list[Cancelled]]:
    """Cancel those of these runs (number and id) that have not ended."""
    cancelled: list[Cancelled] = []
    woken: list[Woken] = []
    brought_back = 0
    for run_no, run_id in batch:
        ending = await cancel_run(tx, run_no, now=now)
        if ending is not None:
            cancelled.append(Cancelled(run_id, ending))
            woken += ending.woken
            brought_back += ending.has_brought_back
    return Waking(cancelled, in_line=brought_back, woken=woken)


async def cancel_run(tx: Session, run_no: int, *, now: datetime) -> Ending | None:
    """Cancel a run that has not ended, with its tasks; nothing of it is due any more."""
    await executions.record_held(tx, run_no=run_no, status=ExecutionStatus.CANCELED, now=now)
    if not await runs.cancel_if_active(tx, run_no, now=now):
        return None
    await close_tasks(tx, run_no, TaskStatus.CANCELED, now)
    return await conclude(tx, run_no, now=now)


def _answer(parts: Iterable[CancelAnswer]) -> CancelAnswer:
    listed = list(parts)
    return CancelAnswer(
        tuple(run_id for part in listed for run_id in part.cancelled_run_ids),
        tuple(run_id for part in listed for run_id in part.failed_to_cancel_run_ids),
    )
