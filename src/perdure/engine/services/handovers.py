"""The service that hands requests to apps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.services.service import Service

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.handovers import Handovers
    from perdure.engine.hints import Hints


class HandoverService(Service):
    """Hands over what is due, and looks for more once a second."""

    def __init__(self, clock: Clock, handovers: Handovers, hints: Hints, settings: Settings) -> None:
        super().__init__(clock, hints.requests)
        self._handovers = handovers
        self._settings = settings

    async def poll(self) -> datetime | None:
        """Begin to hand over what is due and has room."""
        due = await self._handovers.begin_due()
        sweep = self._clock.now() + self._settings.sweep_interval
        return sweep if due is None else min(due, sweep)
