"""The service that deletes what ended long ago."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.engine.retention import Retention
from perdure.engine.services.service import Service

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.storage.interface import Storage

PAUSE = timedelta(milliseconds=20)
"""Between two transactions of a pass: others go on meanwhile."""

PASS_INTERVAL = timedelta(hours=1)
"""Between two passes."""

_SHORTEST_INTERVAL = timedelta(seconds=1)
_BEGINNING = timedelta(minutes=1)


class RetentionService(Service):
    """Makes a pass every hour; the first one when the node has been at work for a minute.

    What is kept for less than a day is looked for more often.
    """

    def __init__(self, storage: Storage, clock: Clock, *, keep: timedelta) -> None:
        super().__init__(clock, asyncio.Event())
        self._retention = Retention(storage, clock, keep=keep)
        self._interval = min(PASS_INTERVAL, max(_SHORTEST_INTERVAL, keep / 24))
        self._has_begun = False

    async def poll(self) -> datetime | None:
        """Take a step of a pass."""
        if not self._has_begun:
            self._has_begun = True
            return self._clock.now() + min(_BEGINNING, self._interval)
        goes_on = await self._retention.advance()
        return self._clock.now() + (PAUSE if goes_on else self._interval)
