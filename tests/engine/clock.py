"""A clock that tests set."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2030, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ManualClock:
    """Stands still until it is told otherwise; whoever sleeps past the new time is woken."""

    def __init__(self) -> None:
        self._wall = START
        self._latest = START
        self._monotonic = 1000.0
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []

    def now(self) -> datetime:
        return self._latest

    def now_ms(self) -> int:
        return (self._latest - _EPOCH) // timedelta(milliseconds=1)

    def monotonic(self) -> float:
        return self._monotonic

    async def wait(self, wake: asyncio.Event, until: datetime | None) -> None:
        if until is not None and until <= self.now():
            return
        sleeper = (datetime.max.replace(tzinfo=UTC) if until is None else until, wake)
        self._sleepers.append(sleeper)
        try:
            await wake.wait()
        finally:
            self._sleepers.remove(sleeper)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._monotonic += seconds
        self.step(seconds)

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an administrator does."""
        self._wall += timedelta(seconds=seconds)
        self._latest = max(self._latest, self._wall)
        for until, wake in list(self._sleepers):
            if until <= self._latest:
                wake.set()
