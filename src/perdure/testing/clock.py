"""The clock of a test: it stands still until it is told otherwise."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class _Sleeper:
    """Somebody who waits for the clock, or to be woken."""

    __slots__ = ("task", "until", "wake")

    def __init__(self, task: asyncio.Task[object] | None, wake: asyncio.Event, until: datetime | None) -> None:
        self.task = task
        self.wake = wake
        self.until = until


class VirtualClock:
    """A `perdure.engine.clock.Clock` whose time passes only by `set`.

    Args:
        start: The time that it begins with; whole milliseconds of it count.
    """

    def __init__(self, start: datetime) -> None:
        self._start = self._now = _EPOCH + (start - _EPOCH) // _MS * _MS
        self._sleepers: set[_Sleeper] = set()
        self._asleep = asyncio.Event()

    def now(self) -> datetime:
        """The time in UTC."""
        return self._now

    def now_ms(self) -> int:
        """The time in milliseconds since 1970."""
        return (self._now - _EPOCH) // _MS

    def monotonic(self) -> float:
        """Seconds since the clock's beginning."""
        return (self._now - self._start).total_seconds()

    async def wait(self, wake: asyncio.Event, until: datetime | None) -> None:
        """Return when ``wake`` is set, or when the clock is set to ``until`` or later."""
        if until is not None and until <= self._now:
            return
        sleeper = _Sleeper(asyncio.current_task(), wake, until)
        self._sleepers.add(sleeper)
        self._asleep.set()
        try:
            await wake.wait()
        finally:
            self._sleepers.discard(sleeper)

    def set(self, now: datetime) -> None:
        """Let it be that time, and wake whoever sleeps until then; the clock is never set back."""
        self._now = max(self._now, now)
        for sleeper in self._sleepers:
            if sleeper.until is not None and sleeper.until <= self._now:
                sleeper.wake.set()

    def are_asleep(self, tasks: Iterable[asyncio.Task[None]]) -> bool:
        """Whether all of these wait for the clock and have not been woken."""
        asleep = {sleeper.task for sleeper in self._sleepers if not sleeper.wake.is_set()}
        return all(task in asleep or task.done() for task in tasks)

    def rouse(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Wake those of these that are asleep, though it is not time."""
        roused = set(tasks)
        for sleeper in self._sleepers:
            if sleeper.task in roused:
                sleeper.wake.set()

    async def somebody_sleeps(self) -> None:
        """Return when the next one goes to sleep."""
        self._asleep.clear()
        await self._asleep.wait()
