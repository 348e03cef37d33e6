"""The service that acts on timers when they are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.services.service import Service
from perdure.engine.waits import fire_due_tasks
from perdure.protocol.statuses import RunStatus
from perdure.storage import timers

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.events import Events
    from perdure.engine.executions import Executions
    from perdure.engine.hints import Hints
    from perdure.storage.interface import Storage


class TimerService(Service):
    """Wakes runs whose waits are over and delivers events whose time has come; never before it has."""

    def __init__(
        self, storage: Storage, clock: Clock, executions: Executions, events: Events, hints: Hints, settings: Settings
    ) -> None:
        super().__init__(clock, hints.timers)
        self._storage = storage
        self._executions = executions
        self._events = events
        self._hints = hints
        self._settings = settings

    async def poll(self) -> datetime | None:
        """Act on every timer that is due."""
        while True:
            # Timers set from here on ring by themselves: what is read next may not show them yet.
            self._hints.next_timer = None
            due = await self._storage.read(timers.next_due)
            now = self._clock.now()
            sweep = now + self._settings.sweep_interval
            if due is None or due > now:
                until = sweep if due is None else min(due, sweep)
                self._hints.next_timer = until
                return until
            acted = await self._fire_tasks(now) + await self._events.deliver_due(limit=self._settings.timer_batch)
            if not acted:
                return sweep

    async def _fire_tasks(self, now: datetime) -> int:
        fired = await self._storage.write(fire_due_tasks, now=now, limit=self._settings.timer_batch)
        for run, states in fired.woken:
            if run.status is RunStatus.EXECUTING:
                self._executions.resolve(run.id, run.epoch, states)
        if fired.woken:
            self._hints.run_is_in_line()
        return fired.timers
