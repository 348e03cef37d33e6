"""A node at work inside the user's process."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from perdure.server.announcement import Announcement, announce, withdraw

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from perdure.api.rate_limits import RateLimits
    from perdure.api.tallies import Tallies
    from perdure.engine.clock import Clock
    from perdure.engine.desk import DirectDesk
    from perdure.engine.node import Node
    from perdure.protocol.endpoint import Endpoint
    from perdure.protocol.platform import Platform
    from perdure.server.address import Address
    from perdure.storage.interface import Storage

    Connect: TypeAlias = Callable[[Platform, Clock, Callable[[int], bytes]], None]


class EmbeddedNode:
    """A node at work in this process; made by `start_embedded`.

    Attributes:
        engine: The engine's part of it.
        platform: All that its own environment can be asked.
        api_key: What others show to ask it anything: that of the settings, or a new one. Of a server that serves all
            environments: what other processes of its user show, to whom it opens every one.
        storage: The open database.
        closes_storage: Whether it is closed when the node stops.
    """

    def __init__(
        self,
        engine: Node,
        storage: Storage,
        address: Address,
        *,
        api_key: str,
        metrics_key: str | None = None,
        is_owner: bool = False,
    ) -> None:
        self.engine = engine
        self._address = address
        self.platform: DirectDesk = engine.platform
        self.api_key = api_key
        self._metrics_key = metrics_key
        self._is_owner = is_owner
        self._counted: tuple[RateLimits, RateLimits, Tallies] | None = None
        self.storage = storage
        self.closes_storage = False
        self._announced: tuple[Path, Announcement] | None = None

    @property
    def is_attached(self) -> bool:
        """Never: it owns its database."""
        return False

    @property
    def url(self) -> str:
        """The URL under which this node's routes are reached, without a slash at its end."""
        return self._address.url

    @property
    def signing_key(self) -> str:
        """What notifications to callback URLs are signed with."""
        return self.engine.signing_key()

    def asgi(self) -> Any:
        """Make the ASGI application that serves this node's routes, to be mounted where ``public_url`` says."""
        from perdure.api.app import node_app
        from perdure.api.keys import Keys
        from perdure.api.rate_limits import RateLimits
        from perdure.api.tallies import Tallies

        engine = self.engine
        if self._counted is None:
            # However often it is mounted, requests are counted together.
            settings, clock = engine.settings, engine.clock
            receiving = RateLimits(settings.receiving_rate_limit, clock, what="URL")
            self._counted = RateLimits(settings.rate_limit, clock), receiving, Tallies()
        limits, receiving_limits, tallies = self._counted
        owner = self.api_key if self._is_owner else None
        return node_app(
            engine.callbacks,
            engine.own.remote.http_endpoints,
            keys=Keys(engine, owner=owner, metrics=self._metrics_key),
            limits=limits,
            receiving_limits=receiving_limits,
            tallies=tallies,
            stopping=engine.stopping,
        )

    def announce(self, database: Path, *, started_at: datetime) -> None:
        """Let other processes of this machine find the node by its database, until it stops."""
        url = self._address.local_url
        assert url is not None
        made = announce(database, url=url, api_key=self.api_key, started=started_at)
        self._announced = None if made is None else (database, made)

    async def add(self, endpoint: Endpoint) -> None:
        """Execute the jobs of another app, too.

        Raises:
            DuplicateJobError: It declares a job id that this node has already.
        """
        await self.engine.add(endpoint)

    async def stop(self, grace: float = 10) -> None:
        """Stop taking work, wait for executions, put the rest back in line, close the database.

        Args:
            grace: For how many seconds executions at work may go on.
        """
        try:
            await self.engine.stop(grace=timedelta(seconds=grace))
        finally:
            await self._close()

    async def abandon(self) -> None:
        """Stop at once, as if the process had died: what executes is lost, and nothing is put back in line."""
        try:
            await self.engine.abandon()
        finally:
            await self._close()

    async def _close(self) -> None:
        if self._announced is not None:
            withdraw(*self._announced)
        try:
            await self._address.close()
        finally:
            if self.closes_storage:
                await self.storage.close()
