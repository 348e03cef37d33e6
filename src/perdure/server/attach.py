"""Library mode: one process of an app owns the database, and the others call it until one of them takes over."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from perdure.config.secret_key import load_api_key
from perdure.config.settings import load_settings
from perdure.errors import DatabaseLockedError
from perdure.server.address import check_public_url
from perdure.server.announcement import find_node
from perdure.server.embedded import start_embedded
from perdure.storage.opening import LOCK_TIMEOUT, database_path

if TYPE_CHECKING:
    from perdure.protocol.endpoint import Endpoint
    from perdure.server.attached import AttachedNode
    from perdure.server.embedded import Connect
    from perdure.server.embedded_node import EmbeddedNode

_NOW: Final = timedelta()
_PAUSE: Final = 0.05


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
                # Loaded where it is needed: most nodes own their database, and an HTTP client takes long to load.
                from perdure.server.attached import AttachedNode

                return AttachedNode(database, start, endpoint, public_url=checked_url, api_key=given_key)
        await asyncio.sleep(_PAUSE)
