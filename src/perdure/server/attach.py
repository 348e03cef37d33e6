"""Library mode: one process of an app owns the database, and the others call it until one of them takes over."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from perdure.config.secret_key import load_api_key, load_secret_key
from perdure.config.settings import load_settings
from perdure.engine.secret_box import SecretBox
from perdure.errors import DatabaseLockedError
from perdure.server.address import check_public_url
from perdure.server.announced import AnnouncedNode
from perdure.server.announcement import find_node
from perdure.server.embedded import EmbeddedNode, key_file, start_embedded
from perdure.storage.opening import LOCK_TIMEOUT, database_path, find_owner
from perdure.transport.http_desk import HttpDesk
from perdure.transport.node_link import NodeLink

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from perdure.protocol.endpoint import Endpoint
    from perdure.protocol.platform import Platform
    from perdure.server.embedded import Connect

    Starting = Callable[[timedelta], Awaitable[EmbeddedNode]]

_log = logging.getLogger(__name__)

_NOW: Final = timedelta()
_PAUSE: Final = 0.05
_LOOK_SECONDS: Final = 0.25
"""How often a process that is attached looks whether the database has an owner."""

_MISFORTUNE_SECONDS: Final = 5.0
"""How long it waits after it could not take over for another reason than an owner."""


async def start_library(
    endpoint: Endpoint,
    *,
    when_locked: Literal["attach", "fail"],
    database_url: str | None = None,
    public_url: str | None = None,
    api_key: str | None = None,
    connect: Connect | None = None,
) -> EmbeddedNode | AttachedNode:
    """Start a node that executes an app's jobs; or attach to the one that another process has on the database.

    Args:
        endpoint: The app.
        when_locked: What to do if another process owns the database.
        database_url: As for `start_embedded`.
        public_url: As for `start_embedded`.
        api_key: As for `start_embedded`.
        connect: As for `start_embedded`; while the node is attached, it has not been called.

    Raises:
        DatabaseLockedError: Another process owns the database, and the node is to fail then; or this process does.
        StorageError: The database cannot be opened.
        InvalidArgumentError: ``public_url`` is no URL.
        DuplicateJobError: The app declares a job id twice.
    """

    async def start(lock_timeout: timedelta) -> EmbeddedNode:
        return await start_embedded(
            endpoint,
            database_url=database_url,
            public_url=public_url,
            api_key=api_key,
            connect=connect,
            lock_timeout=lock_timeout,
        )

    settings = load_settings()
    database = database_path(settings.database_url if database_url is None else database_url)
    if database is None or when_locked == "fail":
        return await start(LOCK_TIMEOUT)
    given_url = settings.public_url if public_url is None else public_url
    checked_url = None if given_url is None else check_public_url(given_url)
    deadline = time.monotonic() + LOCK_TIMEOUT.total_seconds()
    while True:
        try:
            return await start(_NOW)
        except DatabaseLockedError as error:
            is_late = time.monotonic() >= deadline
            if error.pid == os.getpid():
                if is_late:
                    raise
            elif is_late or find_node(database) is not None:
                given_key = load_api_key() if api_key is None else api_key
                return AttachedNode(database, start, public_url=checked_url, api_key=given_key)
        await asyncio.sleep(_PAUSE)


class AttachedNode:
    """The way to the node that another process has on the database; and that node's successor, in this process.

    Calls go to whatever node there is. Those that are under way when its process ends wait for the next one, which may
    be this: it becomes the owner as soon as there is none.

    Args:
        database: The database file.
        start: Starts a node in this process, if the database has no owner.
        public_url: Where the app has mounted `asgi`; ``None``: nowhere.
        api_key: What notifications are signed with; ``None``: a key derived from that of the database.
    """

    def __init__(self, database: Path, start: Starting, *, public_url: str | None, api_key: str | None) -> None:
        self._database = database
        self._start = start
        self._public_url = public_url
        self._api_key = api_key
        self._finder = AnnouncedNode(database)
        self._desk = HttpDesk(NodeLink(self._finder))
        self.platform: Platform = self._desk
        self._own: EmbeddedNode | None = None
        self._waiting = asyncio.create_task(self._take_over())
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
        await asyncio.gather(self._waiting, return_exceptions=True)
        try:
            await self._desk.close()
        finally:
            if self._own is not None:
                await self._own.stop(grace)

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
