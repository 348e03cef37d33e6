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
    """A task that waits for a time, or for its next attempt."""
    CALLBACK_TIMEOUT = "CALLBACK_TIMEOUT"
    """A task that waits for something from outside, and may not wait longer."""
    EVENT = "EVENT"
    """An event that is to be delivered."""
    WAITS = "WAITS"
    """An event that has been delivered and ends more waits than one transaction could."""
    SCHEDULE = "SCHEDULE"
    """A schedule's next tick."""


async def set_timer(tx: Session, kind: TimerKind, *, subject_no: int, due_at: datetime) -> None:
    """Let something be due at an instant, in place of when it was due before."""
    await tx.run("set_timer", to_due_ms(due_at), kind, subject_no)


async def delete_timer(tx: Session, kind: TimerKind, *, subject_no: int) -> None:
    """Let something not be due any more."""
    await tx.run("delete_timer", kind, subject_no)


async def set_task_timer(tx: Session, task_id: str, *, kind: TimerKind = TimerKind.TASK, due_at: datetime) -> None:
    """Let a task be due at an instant, in place of when it was due before."""
    await tx.run("set_task_timer", to_due_ms(due_at), kind, task_id)


async def delete_task_timer(tx: Session, task_id: str) -> None:
    """Let a task not be due any more."""
    await tx.run("delete_task_timer", task_id)


async def next_due(tx: Session) -> datetime | None:
    """When the first timer is due."""
    row = await tx.one("next_timer_due")
    return None if row is None else from_ms_or_none(cast("tuple[int | None]", row)[0])


async def next_due_after(tx: Session, after: datetime) -> datetime | None:
    """When the first timer is due that is due after an instant."""
    row = await tx.one("next_timer_due_after", to_ms(after))
    return None if row is None else from_ms_or_none(cast("tuple[int | None]", row)[0])


async def take_due(tx: Session, kind: TimerKind, *, now: datetime, limit: int) -> list[int]:
    """Take the due timers of a kind, first due first; the numbers of their subjects."""
    return [cast("tuple[int]", row)[0] for row in await tx.all("take_due_timers", to_ms(now), kind, limit)]


async def list_due(tx: Session, kind: TimerKind, *, now: datetime, limit: int) -> list[int]:
    """List the due timers of a kind, first due first; the numbers of their subjects."""
    return [cast("tuple[int]", row)[0] for row in await tx.all("list_due_timers", to_ms(now), kind, limit)]
