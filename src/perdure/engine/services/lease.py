"""The service that keeps a node's lease while executions are at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.services.service import Service

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Holds
    from perdure.engine.lease import Lease


class LeaseService(Service):
    """Renews the lease as long as this node holds executions; an idle node needs none."""

    def __init__(self, clock: Clock, lease: Lease, holds: Holds, hints: Hints, settings: Settings) -> None:
        super().__init__(clock, hints.executions)
        self._lease = lease
        self._holds = holds
        self._settings = settings

    async def poll(self) -> datetime | None:
        """Renew if there is something to hold."""
        if not len(self._holds):
            return None
        await self._lease.renew()
        return self._clock.now() + self._settings.lease_renewal
