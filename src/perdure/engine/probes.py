"""Probes: how long the platforms of apps let them work, asked after somebody has had an app asked anew by hand."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.engine.errands import Errands
from perdure.errors import PerdureError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.engine.clock import Clock

DELAY = timedelta(seconds=10)
"""How long after an app was asked anew its platform is probed."""

MOST = 10
"""How many apps of an environment are probed at once: each keeps a connection for two minutes."""

_log = logging.getLogger(__name__)


class Probes:
    """Probes the platforms of an environment's apps, each once at a time.

    Args:
        clock: The time.
        probe: Probes that of an app, by its id.
    """

    def __init__(self, clock: Clock, probe: Callable[[str], Awaitable[None]]) -> None:
        self._clock = clock
        self._probe = probe
        self._planned = Errands()

    def plan(self, endpoint_id: str) -> None:
        """Probe the platform of an app a little later, unless that is done or planned already."""
        if endpoint_id not in self._planned and len(self._planned) < MOST:
            self._planned.begin(endpoint_id, self._run(endpoint_id))

    async def cancel(self, endpoint_id: str) -> None:
        """Probe the platform of an app no more: the app is gone, or elsewhere."""
        await self._planned.cancel(endpoint_id)

    async def stop(self) -> None:
        """Probe no more."""
        await self._planned.stop()

    async def _run(self, endpoint_id: str) -> None:
        await self._clock.wait(asyncio.Event(), self._clock.now() + DELAY)
        try:
            await self._probe(endpoint_id)
        except PerdureError as error:
            _log.warning("How long endpoint %s may take could not be found out: %s", endpoint_id, error)
