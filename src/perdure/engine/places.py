"""Concurrency limits: which of the runs that are due find a place, and who is next when one is free.

A run that finds none stands aside, so that neither it nor the thousands behind it are met by every claim. Whoever
frees a place brings one run back; and now and then all limits are looked at, since a place may also be freed by a
node's death, a cancellation, or a limit that was raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.storage import concurrency

if TYPE_CHECKING:
    from perdure.storage.interface import Session


class Places:
    """The places that one claim finds and takes, by the limits' numbers.

    Args:
        share: How many executions of one environment may be at work; ``None``: any number.
    """

    def __init__(self, share: int | None = None) -> None:
        self._share = share
        self._shares: dict[int, int] = {}
        self._free: dict[int, int] = {}
        self._taken: dict[int, list[int]] = {}
        self._aside: dict[int, list[int]] = {}

    async def take(self, tx: Session, limit_no: int, run_no: int) -> bool:
        """Take a place for a run; whether there was one. A run without one is to stand aside."""
        free = self._free.get(limit_no)
        if free is None:
            free = await concurrency.count_free(tx, limit_no)
        found = free > 0
        self._free[limit_no] = free - found
        (self._taken if found else self._aside).setdefault(limit_no, []).append(run_no)
        return found

    async def has_share(self, tx: Session, environment_no: int, run_no: int) -> bool:
        """Whether an environment may have one more execution at work; if not, the run is to stand aside."""
        if self._share is None:
            return True
        limit_no = self._shares.get(environment_no)
        if limit_no is None:
            limit_no = await concurrency.register_share(tx, environment_no, most=self._share)
            self._shares[environment_no] = limit_no
            self._free[limit_no] = await concurrency.count_free(tx, limit_no)
        if self._free[limit_no] > 0:
            return True
        self._aside.setdefault(limit_no, []).append(run_no)
        return False

    def take_share(self, environment_no: int) -> None:
        """Count one more execution of an environment."""
        if self._share is not None:
            self._free[self._shares[environment_no]] -= 1

    async def store(self, tx: Session) -> bool:
        """Store who has a place, now that they are claimed, and who stands aside; whether anyone does."""
        for limit_no, run_nos in self._taken.items():
            await concurrency.take_places(tx, limit_no, run_nos)
        for limit_no, run_nos in self._aside.items():
            await concurrency.set_aside(tx, limit_no, run_nos)
        has_aside = bool(self._aside)
        self._taken.clear()
        self._aside.clear()
        return has_aside


async def fill_place(tx: Session, limit_no: int) -> bool:
    """Bring a run back for a place that has just been freed; whether there was one."""
    if await concurrency.count_free(tx, limit_no) < 1:
        return False
    return await concurrency.bring_back(tx, limit_no, count=1) > 0


async def fill_places(tx: Session) -> bool:
    """Bring as many runs back as there are free places, of every limit; whether there were any."""
    brought = 0
    for limit_no in await concurrency.list_waited_for(tx):
        free = await concurrency.count_free(tx, limit_no)
        if free > 0:
            brought += await concurrency.bring_back(tx, limit_no, count=free)
    return brought > 0
