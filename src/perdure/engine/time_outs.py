"""Runs that are ended as TIMED_OUT: those that get nowhere, and those that have had the time that a run may take.

A run that is to be executed is looked at when it is claimed. One at work is found by `Overtime`, which looks once a
second, and only where `PERDURE_MAX_RUN_DURATION` is set.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.engine.endings import Ending, conclude
from perdure.engine.run_ends import close_tasks
from perdure.errors import RunTimedOutError
from perdure.protocol.failures import failure_of
from perdure.protocol.statuses import ExecutionStatus, RunStatus, TaskStatus
from perdure.storage import executions, run_outcomes, run_queue, runs

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.executions import Executions
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Holds
    from perdure.storage.interface import Session, Storage
    from perdure.storage.run_queue import DueRun


class Overtime:
    """Ends runs at work here that have been executed for longer, in all, than a run may be."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        executions: Executions,
        holds: Holds,
        hints: Hints,
        *,
        node_no: int,
        most: timedelta,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._executions = executions
        self._holds = holds
        self._hints = hints
        self._node_no = node_no
        self._most = most

    async def end(self) -> None:
        """End them, and stop their code."""
        if not len(self._holds):
            return
        now = self._clock.now()
        if not await self._storage.read(runs.list_overdue, self._node_no, most=self._most, now=now):
            return
        for run_id, ending in await self._storage.write(end_overdue, self._node_no, most=self._most, now=now):
            self._stop(run_id)
            self._hints.run_has_ended(run_id)
            self._executions.follow(ending)

    def _stop(self, run_id: str) -> None:
        hold = self._holds.find(run_id)
        if hold is None:
            return
        # Whoever waits for the run is to look it up, though its code may take a while to end.
        self._holds.drop(hold)
        self._hints.run_is_in_line()
        hold.endpoint.abort(run_id, "The run has had the time that a run may take.")


async def end_overdue(tx: Session, node_no: int, *, most: timedelta, now: datetime) -> list[tuple[str, Ending]]:
    """End what a node holds and has been executed for so long in all; the runs' ids, with what else came of that."""
    ended: list[tuple[str, Ending]] = []
    for run_no, run_id, epoch, spent in await runs.list_overdue(tx, node_no, most=most, now=now):
        await executions.record_held(tx, run_no=run_no, status=ExecutionStatus.CANCELED, now=now)
        error = failure_of(_overtime(spent, most))
        await run_outcomes.end_if_executing(tx, run_no, epoch=epoch, status=RunStatus.TIMED_OUT, error=error, now=now)
        await close_tasks(tx, run_no, TaskStatus.CANCELED, now)
        ended.append((run_id, await conclude(tx, run_no, now=now)))
    return ended


def why_timed_out(run: DueRun, *, fruitless_limit: int, most: timedelta | None) -> RunTimedOutError | None:
    """Say why a run in line is not to be executed again, if it is not.

    Args:
        run: The run.
        fruitless_limit: How many executions in a row may complete no task.
        most: For how long a run may be executed in all; ``None``: without limit.
    """
    if run.fruitless >= fruitless_limit:
        return RunTimedOutError(f"{run.fruitless} executions in a row completed no task.")
    spent = timedelta(milliseconds=run.spent_ms)
    return None if most is None or spent < most else _overtime(spent, most)


async def end_in_line(tx: Session, run: DueRun, error: RunTimedOutError, *, now: datetime) -> list[tuple[str, Ending]]:
    """End a run with the error that says why; its id, if it was in line, with what else came of that."""
    run_id = await run_queue.end_if_in_line(
        tx, run.run_no, status=RunStatus.TIMED_OUT, error=failure_of(error), now=now
    )
    if run_id is None:
        return []
    await close_tasks(tx, run.run_no, TaskStatus.CANCELED, now)
    return [(run_id, await conclude(tx, run.run_no, now=now))]


def _overtime(spent: timedelta, most: timedelta) -> RunTimedOutError:
    return RunTimedOutError(
        f"It was executed for {spent.total_seconds():g} s in all, and PERDURE_MAX_RUN_DURATION allows "
        f"{most.total_seconds():g} s. client.continue_run lets it go on, with as much time again."
    )
