"""The loop that every service shares: the loop sleeps, ``poll`` says until when."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from perdure.errors import StorageUnavailableError

if TYPE_CHECKING:
    import asyncio

    from perdure.engine.clock import Clock

_log = logging.getLogger(__name__)
_RETRY = timedelta(seconds=1)


class Service(ABC):
    """A loop that acts on what the database says is due."""

    def __init__(self, clock: Clock, wake: asyncio.Event) -> None:
        self._clock = clock
        self._wake = wake

    @abstractmethod
    async def poll(self) -> datetime | None:
        """Act on what is due.

        Returns:
            When to look again unless told earlier; ``None``: only when told.
        """

    async def run(self) -> None:
        """Poll for ever; a database that is not available, or a defect, delays it by a second."""
        while True:
            self._wake.clear()
            try:
                until = await self.poll()
            except StorageUnavailableError:
                until = self._clock.now() + _RETRY
            except Exception:
                _log.exception("%s failed; it goes on in a second.", type(self).__name__)
                until = self._clock.now() + _RETRY
            await self._clock.wait(self._wake, until)
