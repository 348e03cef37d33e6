"""The service that ends runs at work which have had the time that a run may take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from perdure.engine.services.service import Service

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.time_outs import Overtime


class TimeOutService(Service):
    """Looks once a second; only where there is a limit."""

    def __init__(self, clock: Clock, overtime: Overtime, settings: Settings) -> None:
        super().__init__(clock, asyncio.Event())
        self._overtime = overtime
        self._interval = settings.sweep_interval

    async def poll(self) -> datetime | None:
        """End the runs that are over their time."""
        await self._overtime.end()
        return self._clock.now() + self._interval
