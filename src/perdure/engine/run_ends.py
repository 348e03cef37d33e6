"""The run that a result is for, and how it ends, in the transition that applies the result."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.engine.endings import NOTHING, Ending, tell_end
from perdure.protocol.statuses import ExecutionStatus, RunStatus, TaskStatus
from perdure.storage import executions, run_outcomes, tasks

if TYPE_CHECKING:
    from perdure.protocol.execution import ErrorInfo, JsonText
    from perdure.storage.interface import Session


class HeldRun(Struct, frozen=True, gc=False):
    """Whose result it is.

    ``was_fruitful``: the execution completed a task; ``has_open_tasks``: the run may have tasks without outcome;
    ``limit_no``: the concurrency limit that it takes a place of.
    """

    run_no: int
    epoch: int
    node_no: int
    since: datetime
    was_fruitful: bool
    has_open_tasks: bool
    limit_no: int | None = None


class Applied(Struct, frozen=True, gc=False):
    """What came of a result: the run's status now, ``None`` if nothing has changed, and what else has."""

    status: RunStatus | None
    ending: Ending = NOTHING


REFUSED = Applied(None)
"""The execution no longer holds the run."""


async def end_run(
    tx: Session,
    held: HeldRun,
    status: RunStatus,
    execution_status: ExecutionStatus,
    now: datetime,
    *,
    output: JsonText | None = None,
    error: ErrorInfo | None = None,
    task_id: str | None = None,
) -> Applied:
    """End the run; the task that it failed with, if one is named, gets the run's error."""
    ended = await run_outcomes.end_if_executing(
        tx, held.run_no, epoch=held.epoch, status=status, output=output, error=error,
        may_have_open_tasks=held.has_open_tasks or status is not RunStatus.SUCCESS, now=now,
    )  # fmt: skip
    if ended is None:
        return REFUSED
    await record_execution(tx, held, execution_status, now)
    if task_id is not None and error is not None:
        await tasks.fail_if_open(tx, task_id, run_no=held.run_no, error=error, now=now)
    if ended.has_open_tasks:
        is_canceled = status is RunStatus.SUCCESS or status is RunStatus.TIMED_OUT
        await _close(tx, held.run_no, TaskStatus.CANCELED if is_canceled else TaskStatus.ERRORED, now)
    return Applied(status, await tell_end(tx, held.run_no, now=now)) if ended.is_heard else Applied(status)


async def close_tasks(tx: Session, run_no: int, status: TaskStatus, now: datetime) -> None:
    """Give the tasks of a run that ends, and have no outcome, this one; nothing of them is due any more."""
    # Most runs have none, and to see that costs a fifth of what it costs to look for all that may hang on them.
    if await tasks.has_open(tx, run_no):
        await _close(tx, run_no, status, now)


async def _close(tx: Session, run_no: int, status: TaskStatus, now: datetime) -> None:
    await tasks.forget_waits(tx, run_no=run_no)
    await tasks.close_open(tx, run_no=run_no, status=status, now=now)


async def record_execution(tx: Session, held: HeldRun, status: ExecutionStatus, now: datetime) -> None:
    """Keep what came of an execution in the history of its run."""
    await executions.insert_execution(
        tx,
        run_no=held.run_no,
        epoch=held.epoch,
        node_no=held.node_no,
        started_at=held.since,
        ended_at=now,
        status=status,
    )
