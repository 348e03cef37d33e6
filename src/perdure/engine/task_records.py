"""Units of work that store what executions say of their tasks, each with the guard that the execution holds its run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from perdure.engine.event_waits import register_event_wait
from perdure.engine.run_waits import start_awaited_runs
from perdure.engine.waits import Settlement, Woken, settle_waits, states_by_run, wake_runs
from perdure.errors import (
    AlreadyCompletedError,
    IdempotencyConflictError,
    InvalidArgumentError,
    NotFoundError,
    RunNotActiveError,
    StaleExecutionError,
)
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.protocol.task_waits import EventWait, Operation, RunsWait
from perdure.storage import operations, runs, tasks, timers
from perdure.storage.timers import TimerKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from perdure.engine.executions import Reservation
    from perdure.engine.invocations import Invocation
    from perdure.engine.operations import Plan
    from perdure.protocol.execution import ErrorInfo, TaskRecord
    from perdure.protocol.task_waits import TaskWait
    from perdure.storage.interface import Session
    from perdure.storage.run_queue import ClaimedRun

_LONGEST_WAIT = 100 * 366 * 24 * 3600
"""How many seconds a task waits at most that is given a time: others would not be dates."""


async def insert_results(tx: Session, results: Sequence[tuple[int, int, TaskRecord]]) -> list[bool]:
    """Store new tasks that have their results; of each whether it was stored."""
    return [await tasks.insert_if_executing(tx, run_no, epoch, record) for run_no, epoch, record in results]


async def store_task(tx: Session, run_no: int, epoch: int, record: TaskRecord, *, now: datetime) -> None:
    """Store a task with what hangs on it: enclosing tasks first, then the task, its timer, its failed attempt."""
    for ancestor in record.ancestors:
        if not await tasks.insert_if_executing(tx, run_no, epoch, ancestor):
            await check_may_write(tx, run_no, epoch)
            await _check_ancestor(tx, run_no, ancestor)
    store = tasks.insert_if_executing if record.is_new else tasks.update_if_open
    if not await store(tx, run_no, epoch, record):
        await check_may_write(tx, run_no, epoch)
        # The row may be there from the same call, if it was not known whether its commit had succeeded.
        if not await _accept_repetition(tx, run_no, epoch, record):
            return
    if record.status is TaskStatus.WAITING and record.delay_until is not None:
        await timers.set_task_timer(tx, record.id, due_at=record.delay_until)
    elif not record.is_new:
        await timers.delete_task_timer(tx, record.id)
    if record.attempt_error is not None:
        # What waits is the next attempt, and `attempts` counts it already (v2 protocol, section 6.7).
        failed = record.attempts - 1
        await tasks.insert_attempt(tx, record.id, number=failed, ended_at=now, error=record.attempt_error)


async def store_waiting_task(
    tx: Session, environment_no: int, run_no: int, epoch: int, record: TaskRecord, wait: TaskWait, *, now: datetime
) -> None:
    """Store a task together with what it waits for; or, if the execution itself gives it its outcome, without."""
    await store_task(tx, run_no, epoch, record, now=now)
    if record.status.is_final:
        await tasks.forget_wait_of(tx, record.id)
        return
    until = end_of(wait, now)
    if until is not None:
        await timers.set_task_timer(tx, record.id, kind=TimerKind.CALLBACK_TIMEOUT, due_at=until)
    if isinstance(wait, EventWait):
        await register_event_wait(tx, environment_no, record.id, wait)


async def store_runs_wait(
    tx: Session,
    reservation: Reservation | None,
    environment_no: int,
    run_no: int,
    epoch: int,
    record: TaskRecord,
    wait: RunsWait,
    planned: Sequence[Invocation],
    *,
    now: datetime,
) -> tuple[list[Woken], list[ClaimedRun]]:
    """Store a task together with the runs that it starts and waits for; what `start_awaited_runs` returns."""
    await store_waiting_task(tx, environment_no, run_no, epoch, record, wait, now=now)
    return await start_awaited_runs(tx, reservation, environment_no, record.id, planned, now=now)


async def store_failed_wait(
    tx: Session,
    environment_no: int,
    run_no: int,
    epoch: int,
    record: TaskRecord,
    wait: TaskWait,
    error: ErrorInfo,
    *,
    now: datetime,
) -> list[Woken]:
    """Store a task that is to wait, but for something that cannot be begun; its run, which goes on with the error."""
    await store_waiting_task(tx, environment_no, run_no, epoch, record, wait, now=now)
    task_no = await tasks.find_number(tx, record.id)
    if task_no is None:
        return []
    resolved = await settle_waits(tx, [Settlement(task_no, error=error)], now=now)
    return await wake_runs(tx, states_by_run(resolved), now=now)


async def store_operation(
    tx: Session, run_no: int, epoch: int, record: TaskRecord, plan: Plan, *, now: datetime
) -> int | None:
    """Store a task whose work the engine does; its number, or ``None`` if it was stored before."""
    # If that is to be done later, the work is what is due then, and not the task.
    await store_task(tx, run_no, epoch, replace(record, delay_until=None), now=now)
    if not record.is_new:
        await operations.begin_anew(tx, run_no, record)
    return await operations.insert_operation(
        tx, record.id, due_at=plan.due_at, lease=plan.lease, node_no=plan.node_no, secrets=plan.secrets
    )


def end_of(wait: TaskWait, now: datetime) -> datetime | None:
    """Until when a task waits that begins now; ``None``: for as long as it takes."""
    if isinstance(wait, Operation) or wait.timeout is None:
        return None
    # What is no number at all is not less than that either.
    return now + (timedelta(seconds=wait.timeout) if wait.timeout < _LONGEST_WAIT else timedelta(seconds=_LONGEST_WAIT))


async def check_may_write(tx: Session, run_no: int, epoch: int) -> None:
    """Refuse an execution that does not hold the run.

    Raises:
        RunNotActiveError: The run has ended.
        StaleExecutionError: Another execution holds it, or none.
    """
    state = await runs.find_state(tx, run_no)
    if state is None or state[0].is_final:
        raise RunNotActiveError
    if state[1] != epoch or state[0] is not RunStatus.EXECUTING:
        raise StaleExecutionError


async def _check_ancestor(tx: Session, run_no: int, record: TaskRecord) -> None:
    """Refuse an enclosing task that is stored under another id, or not at all: its children would hang on nothing."""
    stored = await tasks.find_by_key(tx, run_no, key=record.key)
    if stored is None:
        raise _hangs_on_nothing(record)
    if not record.noop and stored.id != record.id:
        raise IdempotencyConflictError(f"Task {record.name!r} is stored as {stored.id}, not as {record.id}.")


def _hangs_on_nothing(record: TaskRecord) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"Task {record.name!r:.80} is said to stand in {record.parent_id!r}, which its run lacks."
    )


async def _accept_repetition(tx: Session, run_no: int, epoch: int, record: TaskRecord) -> bool:
    """Let a call pass that was made before; whether it was without outcome and is stored anew."""
    stored = await tasks.find_by_key(tx, run_no, key=record.key)
    if stored is None and record.is_new:
        raise _hangs_on_nothing(record)
    if stored is None:
        raise NotFoundError(f"Task {record.name!r} ({record.id}) was to be updated, but was never stored.")
    if (stored.operation, stored.name) != (record.operation, record.name):
        raise IdempotencyConflictError(
            f"The idempotency key of {record.operation} {record.name!r} belongs to {stored.operation} {stored.name!r}."
        )
    if stored.status.is_final:
        if record.status.is_final and stored.status is not record.status:
            # What it waited for came first: the execution has to begin anew with that.
            raise IdempotencyConflictError(f"Task {record.name!r} has ended meanwhile, as {stored.status}.")
        if record.status is TaskStatus.COMPLETED and (await tasks.find_outcome(tx, stored.id))[0] != record.output:
            raise AlreadyCompletedError(f"Task {record.name!r} has another result already, which stays.")
        return False
    if stored.id != record.id:
        raise IdempotencyConflictError(f"Another task {record.name!r} ({stored.id}) with this key is at work.")
    return await tasks.update_if_open(tx, run_no, epoch, record)
