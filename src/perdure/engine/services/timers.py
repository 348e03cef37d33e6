"""The service that acts on timers when they are due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from perdure.engine.services.service import Service
from perdure.storage import timers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.attendance import Attendance
    from perdure.engine.clock import Clock
    from perdure.engine.hints import Hints
    from perdure.storage.interface import Storage

Act = Callable[[int], Awaitable[int]]


class TimerService(Service):
    """Acts on what is due, never before it is.

    Args:
        storage: The database.
        clock: The time.
        hints: Tell that something is due earlier than was known.
        settings: How it runs.
        acts: One for each kind of timer: acts on at most so many that are due, and says on how many it has acted.
            A timer that it has acted on is deleted or due later.
        attendance: Is told whenever timers are looked after.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        hints: Hints,
        settings: Settings,
        acts: Sequence[Act],
        attendance: Attendance,
    ) -> None:
        super().__init__(clock, hints.timers)
        self._attendance = attendance
        self._storage = storage
        self._hints = hints
        self._settings = settings
        self._acts = acts

    async def poll(self) -> datetime | None:
        """Act on every timer that is due."""
        while True:
            # Timers set from here on ring by themselves: what is read next may not show them yet.
            self._hints.next_timer = None
            due = await self._storage.read(timers.next_due)
            now = self._clock.now()
            self._attendance.note(now)
            sweep = now + self._settings.sweep_interval
            if due is None or due > now:
                until = sweep if due is None else min(due, sweep)
                self._hints.next_timer = until
                return until
            acted = 0
            for act in self._acts:
                acted += await act(self._settings.timer_batch)
            if not acted:
                # What is due is another node's, and may be so for ever: that keeps nobody from being in time.
                due = await self._storage.read(timers.next_due_after, now)
                until = sweep if due is None else min(due, sweep)
                self._hints.next_timer = until
                return until
