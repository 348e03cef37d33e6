"""The service that keeps a node's lease while executions are at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.services.service import Service
from perdure.errors import StorageUnavailableError

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.executions import Executions
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Holds
    from perdure.engine.lease import Lease


class LeaseService(Service):
    """Renews the lease as long as this node holds executions; an idle node needs none."""

    def __init__(
        self,
        clock: Clock,
        lease: Lease,
        executions: Executions,
        holds: Holds,
        hints: Hints,
        settings: Settings,
        *,
        shares_database: bool,
    ) -> None:
        super().__init__(clock, hints.executions)
        self._lease = lease
        self._executions = executions
        self._holds = holds
        self._settings = settings
        self._shares_database = shares_database

    async def poll(self) -> datetime | None:
        """Renew if there is something to hold; let go of it if the lease can be trusted no more."""
        if not len(self._holds):
            return None
        try:
            await self._lease.renew()
        except StorageUnavailableError:
            if self._shares_database and not self._lease.is_trusted():
                self._executions.abandon_all("The lease of this node has run out.")
            raise
        return self._clock.now() + self._settings.lease_renewal
