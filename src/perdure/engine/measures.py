"""What a node is measured by while it works."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.protocol.statuses import RunStatus
from perdure.storage import measures, run_queue, timers
from perdure.storage.measures import FIRST_HOUR, EndedRuns

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


class Meter:
    """Measures a node, again and again: what has ended in hours gone by is read once.

    Args:
        storage: The database.
        clock: The time.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._settled = _Settled(FIRST_HOUR, {})

    async def measure(self, *, executions: int, most_executions: int, requests: int, notifications: int) -> Measures:
        """Measure the node; what it is at just now is given."""
        now = self._clock.now()
        settled, counts, due, run_at, timer_at = await self._storage.scan(_look, self._settled, now)
        # Several may measure at once: each has added to what it began with, so none counts an hour twice.
        self._settled = settled
        return Measures(
            ended=[
                EndedRuns(environment_no, status, runs, seconds)
                for (environment_no, status), (runs, seconds) in sorted(counts.items())
            ],
            due=due,
            run_lag=_lag(run_at, now),
            timer_lag=_lag(timer_at, now),
            executions=executions,
            most_executions=most_executions,
            requests=requests,
            notifications=notifications,
        )


_Counts = dict[tuple[int, RunStatus], tuple[int, float]]


class _Settled(Struct, frozen=True):
    """What has ended before an hour, and changes no more."""

    before: int
    counts: _Counts


def _add(counts: _Counts, more: list[EndedRuns]) -> _Counts:
    total = dict(counts)
    for one in more:
        runs, seconds = total.get((one.environment_no, one.status), (0, 0.0))
        total[one.environment_no, one.status] = runs + one.runs, seconds + one.seconds
    return total


def _lag(due_at: datetime | None, now: datetime) -> timedelta:
    return timedelta() if due_at is None else max(timedelta(), now - due_at)


async def _look(
    tx: Session, settled: _Settled, now: datetime
) -> tuple[_Settled, _Counts, dict[int, int], datetime | None, datetime | None]:
    # An end of the last hour may not be stored yet.
    before = max(settled.before, measures.hour_of(now) - 1)
    if before > settled.before:
        ended = await measures.count_ended(tx, first=settled.before, beyond=before)
        settled = _Settled(before, _add(settled.counts, ended))
    return (
        settled,
        _add(settled.counts, await measures.count_ended(tx, first=before)),
        await measures.count_due(tx, now=now, most=MOST_COUNTED),
        await run_queue.next_due(tx),
        await timers.next_due(tx),
    )
