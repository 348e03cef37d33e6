"""Timers: what is due, and when. A timer is deleted in the transaction that acts on it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, cast

from perdure.storage.instants import from_ms_or_none, to_due_ms, to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.storage.interface import Session


class TimerKind(StrEnum):
    """What a timer belongs to; its subject is the number of such a row."""

    TASK = "TASK"
    EVENT = "EVENT"


async def set_timer(tx: Session, kind: TimerKind, *, subject_no: int, due_at: datetime) -> None:
    """Let something be due at an instant, in place of when it was due before."""
    await tx.run("set_timer", to_due_ms(due_at), kind, subject_no)


async def delete_timer(tx: Session, kind: TimerKind, *, subject_no: int) -> None:
    """Let something not be due any more."""
    await tx.run("delete_timer", kind, subject_no)


async def set_task_timer(tx: Session, task_id: str, *, due_at: datetime) -> None:
    """Let a task be due at an instant, in place of when it was due before."""
    await tx.run("set_task_timer", to_due_ms(due_at), task_id)


async def delete_task_timer(tx: Session, task_id: str) -> None:
    """Let a task not be due any more."""
    await tx.run("delete_task_timer", task_id)


async def delete_task_timers(tx: Session, *, run_no: int) -> None:
    """Delete the timers of a run's waiting tasks; call it before they get another status."""
    await tx.run("delete_task_timers", run_no)


async def next_due(tx: Session) -> datetime | None:
    """When the first timer is due."""
    row = await tx.one("next_timer_due")
    return None if row is None else from_ms_or_none(cast("tuple[int | None]", row)[0])


async def take_due_tasks(tx: Session, *, now: datetime, limit: int) -> list[int]:
    """Take the due timers of tasks, first due first; the numbers of the tasks."""
    return [cast("tuple[int]", row)[0] for row in await tx.all("take_due_tasks", to_ms(now), limit)]
