"""The service that tells of the ends of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.services.service import Service

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.deliveries import Deliveries
    from perdure.engine.hints import Hints


class NotificationService(Service):
    """Tells what is due, and looks for more once a second."""

    def __init__(self, clock: Clock, deliveries: Deliveries, hints: Hints, settings: Settings) -> None:
        super().__init__(clock, hints.notifications)
        self._deliveries = deliveries
        self._settings = settings

    async def poll(self) -> datetime | None:
        """Begin to tell what is due and has room."""
        due = await self._deliveries.begin_due()
        sweep = self._clock.now() + self._settings.sweep_interval
        return sweep if due is None else min(due, sweep)
