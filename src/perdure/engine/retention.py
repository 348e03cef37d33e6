"""Retention: what ended long ago is deleted, the oldest first, a little at a time.

A pass goes through the ticks of schedules, then through the runs, the events, and the connections that no run waits for
any more, in the order of their creation, which is that of their numbers. What was created less than so long ago cannot
have ended before; so a pass reads what is old and no more, and needs no index of its own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.storage import retention
from perdure.storage.retention import BYTES_OF_A_ROW

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.storage.interface import Session, Storage
    from perdure.storage.retention import Aged, ExpiredRun

STRETCH = 500
"""How many runs or events are looked at in one read."""

MOST_ROWS = 500
"""How many rows are deleted in one transaction at most; one that holds much counts for several."""

_FEWEST_ROWS = 10
_LONG = 0.05
_SHORT = 0.02


class Retention:
    """Deletes what ended before so long a time: runs with all that hangs on them, and events.

    Args:
        storage: The database.
        clock: The time.
        keep: How long what has ended is kept.
        environment_no: Whose it is that is deleted; ``None``: of all environments.
    """

    def __init__(self, storage: Storage, clock: Clock, *, keep: timedelta, environment_no: int | None = None) -> None:
        self._storage = storage
        self._clock = clock
        self._keep = keep
        self._environment_no = environment_no
        self._rows = MOST_ROWS
        self._steps: tuple[Callable[[datetime, int], Awaitable[int | None]], ...] = (
            self._delete_ticks,
            self._delete_runs,
            self._delete_events,
            self._delete_missing,
        )
        self._at = 0
        self._after = 0
        self._cutoff: datetime | None = None

    async def advance(self) -> bool:
        """Take a step of a pass; whether the pass goes on. After its last step the next one begins anew."""
        # One for the whole pass: a tick goes no later than its event.
        cutoff = self._cutoff = self._clock.now() - self._keep if self._cutoff is None else self._cutoff
        after = await self._steps[self._at](cutoff, self._after)
        if after is not None:
            self._after = after
            return True
        self._at, self._after = (self._at + 1) % len(self._steps), 0
        if self._at == 0:
            self._cutoff = None
        return self._at > 0

    async def _delete_runs(self, cutoff: datetime, after: int) -> int | None:
        page = await self._storage.scan(retention.list_oldest_runs, after=after, limit=STRETCH)
        expired = self._expired(page, cutoff)
        if expired:
            gone = await self._write(delete_runs, [run.number for run in expired], cutoff=cutoff)
            if gone < len(expired):
                return expired[gone].number - 1
        return _next(page, cutoff)

    async def _delete_events(self, cutoff: datetime, after: int) -> int | None:
        page = await self._storage.scan(retention.list_oldest_events, after=after, limit=STRETCH)
        expired = self._expired(page, cutoff)
        if expired:
            looked_at = await self._write(delete_events, expired)
            if looked_at < len(expired):
                return expired[looked_at].number - 1
        return _next(page, cutoff)

    async def _delete_missing(self, cutoff: datetime, after: int) -> int | None:
        page = await self._storage.scan(retention.list_oldest_missing, after=after, limit=STRETCH)
        expired = self._expired(page, cutoff)
        if expired:
            looked_at = await self._write(delete_missing, expired)
            if looked_at < len(expired):
                return expired[looked_at].number - 1
        return _next(page, cutoff)

    async def _delete_ticks(self, cutoff: datetime, after: int) -> int | None:
        found = await self._storage.scan(retention.find_ticked_schedule, after=after)
        if found is None:
            return None
        schedule_no, oldest = found
        if self._environment_no is not None:
            whose = await self._storage.scan(retention.find_schedule_environment, schedule_no)
            if whose != self._environment_no:
                return schedule_no
        if oldest > cutoff or await self._write(delete_old_ticks, schedule_no, cutoff=cutoff):
            return schedule_no
        return schedule_no - 1

    def _expired(self, page: Sequence[Aged], cutoff: datetime) -> list[Aged]:
        return [
            one
            for one in page
            if one.ended_at is not None
            and one.ended_at <= cutoff
            and self._environment_no in (None, abs(one.environment_no))
        ]

    async def _write(self, transition: Callable[..., Awaitable[int]], *args: object, **kwargs: object) -> int:
        """Run a transition within the number of rows that it can delete without keeping others waiting."""
        began = self._clock.monotonic()
        result = await self._storage.write(transition, *args, rows=self._rows, **kwargs)
        taken = self._clock.monotonic() - began
        if taken > _LONG:
            self._rows = max(_FEWEST_ROWS, self._rows // 2)
        elif taken < _SHORT:
            self._rows = min(MOST_ROWS, self._rows * 2)
        return result


async def delete_runs(tx: Session, run_nos: Sequence[int], *, cutoff: datetime, rows: int) -> int:
    """Delete runs with all that hangs on them, in this order, and about so many rows; how many runs are gone.

    Whatever else of a run remains then, nobody finds it any more.
    """
    for gone, run_no in enumerate(run_nos):
        # It may have been let go on since it was read.
        run = await retention.find_expired_run(tx, run_no, cutoff=cutoff)
        if run is None:
            continue
        rows = await retention.delete_parts(tx, run, rows=rows)
        if rows == 0:
            await retire(tx, run)
            return gone
        await retention.delete_run(tx, run_no)
        await retention.delete_event_if_unused(tx, run.event_no)
        # The two, with what they hold.
        rows -= 2 + run.size // BYTES_OF_A_ROW
        if rows <= 0:
            return gone + 1
    return len(run_nos)


async def retire(tx: Session, run: ExpiredRun) -> None:
    """Let nobody find a run any more of which only a part has been deleted; its event may go now."""
    if run.environment_no > 0:
        await retention.retire_run(tx, run.run_no)
        await retention.delete_event_if_unused(tx, run.event_no)


async def delete_events(tx: Session, found: Sequence[Aged], *, rows: int) -> int:
    """Delete events that have no run, about so many; how many were looked at."""
    for looked_at, event in enumerate(found):
        if rows <= 0:
            return looked_at
        if await retention.delete_event_if_unused(tx, event.number):
            rows -= 1 + event.size // BYTES_OF_A_ROW
    return len(found)


async def delete_missing(tx: Session, found: Sequence[Aged], *, rows: int) -> int:
    """Delete what is known of connections that no run waits for, about so many; how many were looked at."""
    for looked_at, one in enumerate(found):
        if rows <= 0:
            return looked_at
        await retention.delete_missing_if_not_awaited(tx, one.number)
        rows -= 1
    return len(found)


async def delete_old_ticks(tx: Session, schedule_no: int, *, cutoff: datetime, rows: int) -> bool:
    """Delete ticks of a schedule, so many at most; whether there are no more that old."""
    return await retention.delete_ticks(tx, schedule_no, cutoff=cutoff, limit=rows) < rows


def _next(page: Sequence[Aged], cutoff: datetime) -> int | None:
    """Where to go on, or ``None`` if nothing behind this page can be old enough."""
    is_last = len(page) < STRETCH or page[-1].created_at > cutoff
    return None if is_last else page[-1].number
