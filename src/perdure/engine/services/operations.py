"""The service that begins with operations when they are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.services.service import Service
from perdure.storage import operations

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.hints import Hints
    from perdure.engine.operations import Operations
    from perdure.storage.interface import Storage


class OperationService(Service):
    """Begins with requests that are due, as far as there is room.

    Args:
        storage: The database.
        clock: The time.
        hints: Tell that something is due earlier than was known, or that there is room.
        settings: How it runs.
        operations: The requests.
    """

    def __init__(
        self, storage: Storage, clock: Clock, hints: Hints, settings: Settings, operations: Operations
    ) -> None:
        super().__init__(clock, hints.operations)
        self._storage = storage
        self._hints = hints
        self._settings = settings
        self._operations = operations

    async def poll(self) -> datetime | None:
        """Begin with what is due."""
        if self._operations.is_in_doubt:
            await self._operations.reconcile()
        while True:
            # What is due from here on rings by itself: what is read next may not show it yet.
            self._hints.next_operation = None
            due = await self._storage.read(operations.next_due)
            now = self._clock.now()
            sweep = now + self._settings.sweep_interval
            if due is None or due > now:
                until = sweep if due is None else min(due, sweep)
                self._hints.next_operation = until
                return until
            if not await self._operations.take_due():
                return sweep
