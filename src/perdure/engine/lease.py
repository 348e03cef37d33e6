"""The lease by which a node holds its executions, and for how long it may be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.storage import nodes

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from perdure.engine.clock import Clock
    from perdure.storage.interface import Session, Storage


class Lease:
    """A node's row: whoever finds it expired may put the node's runs back in line.

    The end that is stored is a time of the wall clock; the node's own trust counts from before it asked for the
    renewal, by the monotonic clock, so neither a slow commit nor a step of the wall clock stretches it.
    """

    def __init__(self, storage: Storage, clock: Clock, *, node_no: int, ttl: timedelta, renewal: timedelta) -> None:
        self.node_no = node_no
        self._storage = storage
        self._clock = clock
        self._ttl = ttl
        self._renewal = renewal.total_seconds()
        self._asked_at = clock.monotonic() - self._ttl.total_seconds()

    def is_trusted(self) -> bool:
        """Whether no other node can have taken the runs of this one."""
        return self._clock.monotonic() < self._asked_at + self._ttl.total_seconds()

    def due_renewal(self, now: datetime) -> tuple[float, datetime] | None:
        """What a transition must store to renew the lease, or ``None`` while that is not due.

        Returns:
            The moment of asking, for `renewed`, and the lease's new end, for `renew`.
        """
        asked_at = self._clock.monotonic()
        if asked_at < self._asked_at + self._renewal:
            return None
        return asked_at, now + self._ttl

    def renewed(self, asked_at: float) -> None:
        """Trust the lease anew: the renewal asked for at this moment is committed."""
        self._asked_at = max(self._asked_at, asked_at)

    async def renew(self) -> None:
        """Renew the lease if that is due."""
        due = self.due_renewal(self._clock.now())
        if due is not None:
            await self._storage.write(nodes.renew_lease, self.node_no, lease_until=due[1])
            self.renewed(due[0])

    async def prove(self) -> None:
        """Renew the lease, due or not: a write of which something reaches the disk.

        Raises:
            StorageError: The database takes none.
        """
        asked_at = self._clock.monotonic()
        await self._storage.write(nodes.renew_lease, self.node_no, lease_until=self._clock.now() + self._ttl)
        self.renewed(asked_at)


async def renew_in(tx: Session, node_no: int, lease_until: datetime | None) -> None:
    """Renew a lease within another transition, if it is due."""
    if lease_until is not None:
        await nodes.renew_lease(tx, node_no, lease_until=lease_until)
