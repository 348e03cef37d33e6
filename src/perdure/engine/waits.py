"""Waits that end: the task gets its state and its run is put back in line, in one transition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.protocol.execution import TaskState
from perdure.protocol.statuses import TaskStatus
from perdure.storage import runs, tasks, timers
from perdure.storage.runs import WokenRun

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.storage.interface import Session


class Fired(Struct, frozen=True, gc=False):
    """What came of due timers: how many they were, and the runs with those of their tasks that go on."""

    timers: int
    woken: list[tuple[WokenRun, list[TaskState]]]


async def fire_due_tasks(tx: Session, *, now: datetime, limit: int) -> Fired:
    """Let tasks go on whose time has come: waits are COMPLETED, failed bodies are to be tried again."""
    task_nos = await timers.take_due_tasks(tx, now=now, limit=limit)
    if not task_nos:
        return Fired(0, [])
    states_of: dict[int, list[TaskState]] = {}
    for run_no, state in await tasks.resolve_if_waiting(tx, task_nos, now=now):
        states_of.setdefault(run_no, []).append(state)
    fruitful = [
        run_no for run_no, states in states_of.items() if any(state.status is TaskStatus.COMPLETED for state in states)
    ]
    # Tasks first, then runs: whoever resolves a task takes this order.
    woken = await runs.wake(tx, states_of, fruitful=fruitful, now=now)
    return Fired(len(task_nos), [(run, states_of[run.run_no]) for run in woken])
