"""The environments that a node serves."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.engine.desk import DirectDesk
from perdure.engine.matching import Subscriptions
from perdure.engine.remote_desk import RemoteDesk
from perdure.errors import NotFoundError
from perdure.storage import api_keys, jobs

if TYPE_CHECKING:
    from perdure.engine.desks import Desks
    from perdure.engine.directory import Directory
    from perdure.engine.key_ring import KeyRing
    from perdure.storage.environments import EnvironmentRow
    from perdure.storage.interface import Storage

_MOST_KEYS = 1000


class Environment(Struct, frozen=True):
    """An environment that a node serves.

    Attributes:
        number: Its number.
        slug: Its slug.
        created_at: When it was created.
        desk: All that it can be asked.
        remote: What endpoints elsewhere ask beside that.
    """

    number: int
    slug: str
    created_at: datetime
    desk: DirectDesk
    remote: RemoteDesk


class Environments:
    """Opens environments, and finds those that are open.

    Args:
        storage: The database.
        directory: Is told what it needs to know of them.
        ring: Is told their keys.
        desks: Makes what each can be asked.
    """

    def __init__(self, storage: Storage, directory: Directory, ring: KeyRing, desks: Desks) -> None:
        self._storage = storage
        self._directory = directory
        self._ring = ring
        self._desks = desks
        self._by_number: dict[int, Environment] = {}

    async def open(self, row: EnvironmentRow) -> Environment:
        """Serve an environment from now on; one that is served already is given back."""
        found = self._by_number.get(row.number)
        if found is not None:
            return found
        # Jobs that were registered once are started by events from the first moment on; their runs wait for the code.
        dispatchers = await self._storage.read(jobs.list_dispatchers, row.number)
        keys = await self._storage.read(api_keys.list_all, row.number, limit=_MOST_KEYS)
        self._directory.tenants[row.number] = row.tenant
        self._directory.set_subscriptions(row.number, Subscriptions(dispatchers))
        self._ring.keep(row.number, keys)
        remote = self._desks.make_remote(row)
        made = Environment(
            row.number, row.tenant.environment.slug, row.created_at, self._desks.make(row, remote), remote
        )
        self._by_number[row.number] = made
        return made

    def all(self) -> list[Environment]:
        """List those that are served, the node's own one first."""
        return list(self._by_number.values())

    def of(self, number: int) -> Environment:
        """Give the one with a number."""
        return self._by_number[number]

    def named(self, slug: str) -> Environment:
        """Find the one with a slug.

        Raises:
            NotFoundError: None of that slug is served here.
        """
        for one in self._by_number.values():
            if one.slug == slug:
                return one
        raise NotFoundError(f"There is no environment {slug!r:.60} here; `perdure env create` makes one.")
