"""A node that another process has on the database, and its successor in this one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from perdure.config.secret_key import load_secret_key
from perdure.engine.secret_box import SecretBox
from perdure.errors import DatabaseLockedError, PerdureError
from perdure.server.announced import AnnouncedNode
from perdure.server.embedded import key_file
from perdure.storage.opening import find_owner
from perdure.transport.http_desk import HttpDesk
from perdure.transport.node_link import NodeLink

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from perdure.protocol.endpoint import Endpoint
    from perdure.protocol.platform import Platform
    from perdure.server.embedded_node import EmbeddedNode

    Starting = Callable[[timedelta], Awaitable[EmbeddedNode]]

_log = logging.getLogger(__name__)

_NOW: Final = timedelta()
_LOOK_SECONDS: Final = 0.25
"""How often a process that is attached looks whether the database has an owner."""

_MISFORTUNE_SECONDS: Final = 5.0
"""How long it waits after it could not take over for another reason than an owner."""


class AttachedNode:
    """The way to the node that another process has on the database; and that node's successor, in this process.

    Calls go to whatever node there is. Those that are under way when its process ends wait for the next one, which may
    be this: it becomes the owner as soon as there is none.

    Args:
        database: The database file.
        start: Starts a node in this process, if the database has no owner.
        endpoint: The app of this process, whose jobs the owner is expected to have, too.
        public_url: Where the app has mounted `asgi`; ``None``: nowhere.
        api_key: What notifications are signed with; ``None``: a key derived from that of the database.
    """

    def __init__(
        self, database: Path, start: Starting, endpoint: Endpoint, *, public_url: str | None, api_key: str | None
    ) -> None:
        self._database = database
        self._start = start
        self._public_url = public_url
        self._api_key = api_key
        self._finder = AnnouncedNode(database)
        self._desk = HttpDesk(NodeLink(self._finder))
        self.platform: Platform = self._desk
        self._own: EmbeddedNode | None = None
        self._waiting = asyncio.create_task(self._take_over())
        self._comparing = asyncio.create_task(self._compare_jobs(endpoint))
        _log.info("Process %s owns %s and executes its runs; calls go there.", find_owner(database), database)

    @property
    def is_attached(self) -> bool:
        """Whether another process owns the database."""
        return self._own is None

    @property
    def url(self) -> str:
        """The URL under which the routes of the owner are reached, without a slash at its end.

        Raises:
            DatabaseLockedError: There is none but its own, which it has not said yet.
        """
        if self._own is not None:
            return self._own.url
        if self._public_url is not None:
            return self._public_url
        target = self._finder.find()
        if target is None:
            raise self._finder.failure("It has not said yet where it listens.")
        return target.url

    @property
    def signing_key(self) -> str:
        """What notifications to callback URLs are signed with."""
        if self._api_key is not None:
            return self._api_key
        return SecretBox(lambda: load_secret_key(key_file(self._database)), os.urandom).signing_key()

    def asgi(self) -> Any:
        """Make the ASGI application that serves the owner's routes, to be mounted where ``public_url`` says."""
        from perdure.server.relay import Relay

        return Relay(self._finder, own=lambda: self._own)

    async def stop(self, grace: float = 10) -> None:
        """Wait for the owner's end no more; stop the node of this process, if it has taken over."""
        self._waiting.cancel()
        self._comparing.cancel()
        await asyncio.gather(self._waiting, self._comparing, return_exceptions=True)
        try:
            await self._desk.close()
        finally:
            if self._own is not None:
                await self._own.stop(grace)

    async def _compare_jobs(self, endpoint: Endpoint) -> None:
        """Warn of jobs that only this process has: meanwhile nothing starts them."""
        index = await endpoint.index()
        # An owner that does not answer is told of by the calls.
        with contextlib.suppress(PerdureError):
            known = {job.id for job in await self._desk.list_jobs() if job.is_enabled}
            unknown = [job.id for job in index.jobs if job.enabled and not job.internal and job.id not in known]
            if unknown:
                _log.warning(
                    "Process %s owns %s and does not have the jobs %s: until this process takes over, events start no "
                    "runs of them. Let both processes start a client with the same jobs, or give this one a database "
                    "of its own: database_url=.",
                    find_owner(self._database),
                    self._database,
                    ", ".join(map(repr, unknown[:10])),
                )

    async def _take_over(self) -> None:
        while self._own is None:
            await asyncio.sleep(_LOOK_SECONDS)
            if find_owner(self._database) is not None:
                continue
            try:
                self._own = await self._start(_NOW)
            except DatabaseLockedError:
                # Another one was first.
                continue
            except Exception:
                _log.exception("%s has no owner, and this process cannot take over; it tries again.", self._database)
                await asyncio.sleep(_MISFORTUNE_SECONDS)
        self.platform = self._own.platform
        _log.info("This process owns %s now, and executes its runs.", self._database)
