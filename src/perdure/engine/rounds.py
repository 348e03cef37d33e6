"""Dealing with what stands in a table until it is done: a bounded number at once, each again if its node dies."""

from __future__ import annotations

import asyncio
from contextvars import Context
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.engine.clock import Clock
    from perdure.storage.interface import Session, Storage

T = TypeVar("T")

AT_ONCE: Final = 100
"""How many a node deals with at once."""

LONGEST: Final = timedelta(minutes=5)
"""How long dealing with one may take."""

_SLACK: Final = timedelta(seconds=30)


class Table(Protocol[T]):
    """Where it stands: a module of ``perdure.storage``."""

    async def next_due(self, tx: Session) -> datetime | None:
        """When the first is due."""
        ...

    async def take_due(self, tx: Session, *, now: datetime, due_again_at: datetime, limit: int) -> list[T]:
        """Take what is due; if it is not dealt with, it is due again then."""
        ...

    async def postpone_if_taken(self, tx: Session, taken: T, /, *, until: datetime, counts: bool) -> None:
        """Let one be due later, unless another attempt has begun."""
        ...


class Rounds(Generic[T]):
    """Deals with what is due.

    Args:
        storage: The database.
        clock: The time.
        table: Where it stands.
        deal: Deals with one within `LONGEST`, and stores what came of it.
        has_ended: Called when one has been dealt with.
        when_blocked: How long what is due, and cannot be taken, is left alone; ``None``: it is another node's then.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        table: Table[T],
        *,
        deal: Callable[[T], Coroutine[Any, Any, None]],
        has_ended: Callable[[], None],
        when_blocked: timedelta | None = None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._table = table
        self._deal = deal
        self._tell_of_end = has_ended
        self._when_blocked = when_blocked
        self._at_work: dict[asyncio.Task[None], T] = {}

    async def begin_due(self) -> datetime | None:
        """Begin with what is due, as far as there is room; when the next is due, ``None``: when one has ended."""
        while room := AT_ONCE - len(self._at_work):
            now = self._clock.now()
            due = await self._storage.read(self._table.next_due)
            if due is None or due > now:
                return due
            again = now + LONGEST + _SLACK
            taken = await self._storage.write(self._table.take_due, now=now, due_again_at=again, limit=room)
            if not taken and self._when_blocked is not None:
                return now + self._when_blocked
            for one in taken:
                # In a context of its own: whoever is told is outside of every run.
                task = asyncio.create_task(self._deal(one), context=Context())
                self._at_work[task] = one
                task.add_done_callback(self._has_ended)
        return None

    def at_work(self) -> list[asyncio.Task[None]]:
        """Those that are being dealt with."""
        return list(self._at_work)

    async def stop(self, *, grace: timedelta) -> None:
        """Let those at work end for so long; the rest is due at once, for whoever comes next."""
        if self._at_work:
            await asyncio.wait(self._at_work, timeout=grace.total_seconds())
        for task, one in list(self._at_work.items()):
            task.cancel()
            await self._storage.write(self._table.postpone_if_taken, one, until=self._clock.now(), counts=False)

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        del self._at_work[task]
        self._tell_of_end()
