"""Runs that were put off because their code was not there: due at once, when it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.storage import run_queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.engine.clock import Clock
    from perdure.storage.interface import Storage
    from perdure.storage.run_queue import LinePlace

BATCH = 500
"""How many runs in line are looked at in one transaction: after days there may be a great many."""


async def hasten_postponed(storage: Storage, clock: Clock, job_nos: Sequence[int]) -> None:
    """Make the runs of these jobs due that were put off, a few in each transaction.

    Raises:
        StorageError: It could not be stored; some may be due.
    """
    # One for all: they stand in line in the order of their creation.
    now = clock.now()
    after: LinePlace | None = None
    while True:
        after = await storage.write(run_queue.hasten_some_postponed, job_nos, after=after, limit=BATCH, now=now)
        if after is None:
            return
