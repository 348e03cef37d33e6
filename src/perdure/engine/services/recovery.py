"""The service that takes over the runs of nodes that died."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from perdure.engine.recovery import recover_expired
from perdure.engine.services.service import Service
from perdure.storage import nodes

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.hints import Hints
    from perdure.engine.lease import Lease
    from perdure.storage.interface import Storage


class RecoveryService(Service):
    """Looks for expired leases; only where several nodes share the database."""

    def __init__(self, storage: Storage, clock: Clock, lease: Lease, hints: Hints, settings: Settings) -> None:
        super().__init__(clock, asyncio.Event())
        self._storage = storage
        self._lease = lease
        self._hints = hints
        self._interval = settings.lease_ttl / 2

    async def poll(self) -> datetime | None:
        """Put the runs of dead nodes back in line."""
        now = self._clock.now()
        own = self._lease.node_no
        if await self._storage.read(nodes.list_expired, own_node_no=own, now=now):
            await self._storage.write(recover_expired, own_node_no=own, now=now)
            self._hints.run_is_in_line()
        return now + self._interval
