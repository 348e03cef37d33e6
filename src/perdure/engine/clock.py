"""Time, from one place that tests can set."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_LONGEST_SLEEP = 1.0
_STANDS_STILL = timedelta(seconds=10)
"""For how long time must have to stand still for anybody to be told."""

_log = logging.getLogger(__name__)


class Clock(Protocol):
    """What the engine knows of time."""

    def now(self) -> datetime:
        """The time in UTC, in whole milliseconds; never earlier than what it said before."""
        ...

    def now_ms(self) -> int:
        """The same, in milliseconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, at an even pace whatever happens to the wall clock."""
        ...

    async def wait(self, wake: asyncio.Event, until: datetime | None) -> None:
        """Return when ``wake`` is set, or when it is ``until``: never before. ``None``: only when it is set."""
        ...


class SystemClock:
    """The clock of the machine, for all threads. If it is set back, time stands still until it has caught up.

    Args:
        wall_ns: Gives the nanoseconds since 1970.
    """

    def __init__(self, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._wall_ns = wall_ns
        self._lock = threading.Lock()
        self._latest = (-1, _EPOCH)
        self._stands_still = False

    def now_ms(self) -> int:
        """The time in milliseconds since 1970."""
        ms = self._wall_ns() // 1_000_000
        latest = self._latest
        return latest[0] if ms <= latest[0] else self._advance(ms)[0]

    def now(self) -> datetime:
        """The time in UTC, in whole milliseconds."""
        ms = self._wall_ns() // 1_000_000
        latest = self._latest
        return latest[1] if ms <= latest[0] else self._advance(ms)[1]

    def _advance(self, ms: int) -> tuple[int, datetime]:
        with self._lock:
            # Another thread may have looked later, and was faster.
            if ms > self._latest[0]:
                self._latest = (ms, _EPOCH + ms * _MS)
            return self._latest

    def monotonic(self) -> float:
        """Seconds at an even pace."""
        return time.monotonic()

    async def wait(self, wake: asyncio.Event, until: datetime | None) -> None:
        """Sleep until woken or due; looks at the clock once a second, so that a step of it is noticed."""
        while not wake.is_set():
            if until is None:
                await wake.wait()
                return
            left = (until - self.now()).total_seconds()
            if left <= 0:
                return
            self._tell()
            try:
                async with asyncio.timeout(min(left, _LONGEST_SLEEP)):
                    await wake.wait()
            except TimeoutError:
                continue

    def _tell(self) -> None:
        """Say that time stands still, which nobody would know otherwise, and that it goes on."""
        behind = self._latest[0] * _MS - self._wall_ns() // 1_000_000 * _MS
        if behind >= _STANDS_STILL and not self._stands_still:
            self._stands_still = True
            _log.warning(
                "The machine's clock was set back by %s. Until it has caught up, time stands still here: timers, "
                "schedules and retries wait. If it is right now, start this process again, which goes by it at once.",
                timedelta(seconds=behind // timedelta(seconds=1)),
            )
        elif behind <= timedelta() and self._stands_still:
            self._stands_still = False
            _log.info("The machine's clock has caught up, and time goes on.")
