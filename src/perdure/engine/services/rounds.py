"""The services that tell of the ends of runs, and that hand requests to apps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.engine.services.service import Service

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.rounds import Rounds


class RoundService(Service):
    """Deals with what is due, and looks for more once a second."""

    def __init__(self, clock: Clock, rounds: Rounds[Any], wake: asyncio.Event, settings: Settings) -> None:
        super().__init__(clock, wake)
        self._rounds = rounds
        self._settings = settings

    async def poll(self) -> datetime | None:
        """Begin with what is due and has room."""
        due = await self._rounds.begin_due()
        sweep = self._clock.now() + self._settings.sweep_interval
        return sweep if due is None else min(due, sweep)
