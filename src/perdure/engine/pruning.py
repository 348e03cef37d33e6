"""Pruning: what ended long ago is deleted because somebody asks for it, in the steps in which retention does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from perdure.engine.retention import Retention
from perdure.errors import InvalidArgumentError
from perdure.protocol.management import PruneAnswer
from perdure.storage import retention

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.storage.interface import Storage

_OLDEST = timedelta(days=36525)
_STRETCH = 5000

_PAUSE_SECONDS = 0.01
"""Between two transactions, in real time as these are: others go on meanwhile."""


class Pruning:
    """Deletes what ended long ago, one caller after the other."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._turn = asyncio.Lock()

    async def prune(self, environment_no: int, *, older_than: timedelta, dry_run: bool) -> PruneAnswer:
        """Delete an environment's runs and events that ended longer ago than that, with all that hangs on them.

        Args:
            environment_no: Whose they are.
            older_than: How long ago they must have ended.
            dry_run: Whether they are only counted.

        Returns:
            How many there were when they were counted, just before the deletion.

        Raises:
            InvalidArgumentError: ``older_than`` is negative, or more than 100 years.
        """
        if not timedelta() <= older_than <= _OLDEST:
            raise InvalidArgumentError(f"older_than={older_than}: it is 0 to 36525 days.")
        async with self._turn:
            cutoff = self._clock.now() - older_than
            runs, values = await self._count("runs", environment_no, cutoff)
            events, _ = await self._count("events", environment_no, cutoff)
            if not dry_run:
                work = Retention(self._storage, self._clock, keep=older_than, environment_no=environment_no)
                goes_on = True
                while goes_on:
                    goes_on = await work.advance()
                    await asyncio.sleep(_PAUSE_SECONDS)
        return PruneAnswer(runs, events, values)

    async def _count(self, what: Literal["runs", "events"], environment_no: int, cutoff: datetime) -> tuple[int, int]:
        count = values = 0
        after: int | None = 0
        while after is not None:
            stretch = await self._storage.scan(
                retention.count_expired, what, environment_no, cutoff=cutoff, after=after, limit=_STRETCH
            )
            count, values, after = count + stretch.count, values + stretch.values, stretch.goes_on
        return count, values
