"""Waits that end: the task gets its state and its run is put back in line, in one transition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct

from perdure.errors import WaitTimeoutError
from perdure.protocol.execution import ErrorInfo, JsonText, TaskState
from perdure.protocol.failures import failure_of
from perdure.protocol.statuses import TaskStatus
from perdure.storage import runs, tasks, timers
from perdure.storage.runs import WokenRun
from perdure.storage.timers import TimerKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perdure.storage.interface import Session


R = TypeVar("R")

_NOTHING_CAME = "has waited as long as it may, and nothing came; catch this error, or give the call a longer timeout=."


class Woken(Struct, frozen=True, gc=False):
    """A run with those of its tasks that wait no longer."""

    run: WokenRun
    states: list[TaskState]


Resolved = tuple[int, TaskState]
"""A task that waits no longer, with the number of its run."""


class Waking(Struct, Generic[R], frozen=True):
    """What came of a transition that ends waits.

    Attributes:
        result: Its result.
        resolved: The tasks that wait no longer and whose runs are to be woken now, in the same transaction.
        in_line: How many runs it put in line itself, beside those in ``woken``.
        next_timer: When a timer that it set is due.
        woken: The runs that it woke itself.
    """

    result: R
    resolved: Sequence[Resolved] = ()
    in_line: int = 0
    next_timer: datetime | None = None
    woken: Sequence[Woken] = ()


class Settlement(Struct, frozen=True, gc=False):
    """What a waiting task comes to: COMPLETED with this output, or with this error ERRORED."""

    task_no: int
    output: JsonText | None = None
    error: ErrorInfo | None = None


async def settle_waits(tx: Session, settlements: Iterable[Settlement], *, now: datetime) -> list[Resolved]:
    """Give waiting tasks their outcome; a task that does not wait stays as it is."""
    settled: list[Resolved] = []
    for one in settlements:
        row = await tasks.settle_if_waiting(tx, one.task_no, output=one.output, error=one.error, now=now)
        if row is not None:
            settled.append(row)
            await tasks.forget_wait(tx, one.task_no)
    return settled


async def fire_due_tasks(tx: Session, *, now: datetime, limit: int) -> Waking[int]:
    """Let tasks go on whose time has come: waits are COMPLETED, failed bodies are to be tried again."""
    task_nos = await timers.take_due(tx, TimerKind.TASK, now=now, limit=limit)
    if not task_nos:
        return Waking(0)
    return Waking(len(task_nos), await tasks.resolve_if_waiting(tx, task_nos, now=now))


async def time_out_waits(tx: Session, *, now: datetime, limit: int) -> Waking[int]:
    """Fail tasks that have waited as long as they may (v2 protocol, section 8.1)."""
    task_nos = await timers.take_due(tx, TimerKind.CALLBACK_TIMEOUT, now=now, limit=limit)
    if not task_nos:
        return Waking(0)
    failures = [
        Settlement(task_no, error=failure_of(WaitTimeoutError(f"{operation} {key!r} {_NOTHING_CAME}")))
        for task_no, operation, key in await tasks.list_shown(tx, task_nos)
    ]
    return Waking(len(task_nos), await settle_waits(tx, failures, now=now))


def states_by_run(resolved: Iterable[Resolved]) -> dict[int, list[TaskState]]:
    """Put together what has come of the tasks of each run."""
    states_of: dict[int, list[TaskState]] = {}
    for run_no, state in resolved:
        states_of.setdefault(run_no, []).append(state)
    return states_of


def is_fruitful(states: Iterable[TaskState]) -> bool:
    """Whether one of these tasks is now COMPLETED."""
    return any(state.status is TaskStatus.COMPLETED for state in states)


async def wake_runs(tx: Session, states_of: Mapping[int, list[TaskState]], *, now: datetime) -> list[Woken]:
    """Wake the runs of tasks that wait no longer: those that do not wait for others are in line now, or at work."""
    if not states_of:
        return []
    fruitful = {run_no for run_no, states in states_of.items() if is_fruitful(states)}
    # Tasks first, then runs: whoever resolves a task takes this order.
    woken = await runs.wake(tx, states_of, fruitful=fruitful, now=now)
    return [Woken(run, states_of[run.run_no]) for run in woken]
