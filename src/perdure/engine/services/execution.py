"""The service that executes runs when they are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.services.service import Service
from perdure.storage import run_queue

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.executions import Executions
    from perdure.engine.hints import Hints
    from perdure.engine.line import Line
    from perdure.storage.interface import Storage


class ExecutionService(Service):
    """Claims runs as soon as they are in line, and looks for others' once a second."""

    def __init__(
        self, storage: Storage, clock: Clock, line: Line, executions: Executions, hints: Hints, settings: Settings
    ) -> None:
        super().__init__(clock, hints.runs)
        self._storage = storage
        self._line = line
        self._executions = executions
        self._settings = settings
        self._look_again_at = clock.now()

    async def poll(self) -> datetime | None:
        """Begin what is due and has room."""
        if self._executions.is_in_doubt:
            await self._line.reconcile()
        # Any execution that ends may leave its environment a place.
        has_shares = self._settings.concurrency_limit is not None
        if has_shares or self._clock.now() >= self._look_again_at:
            self._look_again_at = self._clock.now() + self._settings.sweep_interval
            await self._line.fill_places()
        while True:
            due = await self._storage.read(run_queue.next_due)
            now = self._clock.now()
            sweep = now + self._settings.sweep_interval
            if due is None or due > now:
                self._executions.has_backlog = has_shares
                return sweep if due is None else min(due, sweep)
            if not await self._line.claim():
                return sweep
