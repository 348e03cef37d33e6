"""What a node is measured by while it works."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.storage import measures, run_queue, timers
from perdure.storage.measures import EndedRuns

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.storage.interface import Session, Storage

MOST_COUNTED = 10_000
"""How many runs in line are counted."""


class Measures(Struct, frozen=True, kw_only=True):
    """What a node is at, and what waits for it.

    Attributes:
        ended: The runs that have ended since the database was made.
        due: How many runs are due and not executed, in each environment; of all together at most `MOST_COUNTED`.
        run_lag: For how long the first of them has been due.
        timer_lag: For how long the first timer has been due.
        executions: How many executions are at work here.
        most_executions: How many there may be.
        requests: How many requests on behalf of jobs are under way.
        notifications: How many ends of runs are being told.
    """

    ended: list[EndedRuns]
    due: dict[int, int]
    run_lag: timedelta
    timer_lag: timedelta
    executions: int
    most_executions: int
    requests: int
    notifications: int


async def measure(
    storage: Storage, clock: Clock, *, executions: int, most_executions: int, requests: int, notifications: int
) -> Measures:
    """Measure a node; what it is at just now is given."""
    now = clock.now()
    ended, due, run_at, timer_at = await storage.scan(_look, now)
    return Measures(
        ended=ended,
        due=due,
        run_lag=_lag(run_at, now),
        timer_lag=_lag(timer_at, now),
        executions=executions,
        most_executions=most_executions,
        requests=requests,
        notifications=notifications,
    )


def _lag(due_at: datetime | None, now: datetime) -> timedelta:
    return timedelta() if due_at is None else max(timedelta(), now - due_at)


async def _look(tx: Session, now: datetime) -> tuple[list[EndedRuns], dict[int, int], datetime | None, datetime | None]:
    return (
        await measures.count_ended(tx),
        await measures.count_due(tx, now=now, most=MOST_COUNTED),
        await run_queue.next_due(tx),
        await timers.next_due(tx),
    )
