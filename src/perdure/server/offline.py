"""A database without a node, opened for a few calls: nothing is executed, no timer fires, no request is sent."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

from perdure.config.secret_key import load_secret_key
from perdure.engine.opening import open_node
from perdure.protocol.management import NodeAnswer
from perdure.server.embedded import key_file, machine_clock
from perdure.storage.opening import open_storage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from perdure.config.settings import Settings
    from perdure.engine.desk import DirectDesk

_NOW = timedelta()


@asynccontextmanager
async def open_offline(database: Path, settings: Settings, *, environ: Mapping[str, str]) -> AsyncGenerator[DirectDesk]:
    """Own a database for a moment and answer as its node would; what is started waits for a node that has the code.

    Args:
        database: The absolute path of the file; it is created if it is missing.
        settings: How a node would run.
        environ: The environment variables.

    Raises:
        DatabaseLockedError: Another process owns the file just now.
        StorageError: It cannot be opened.
    """
    storage = await asyncio.to_thread(open_storage, settings.database_url, lock_timeout=_NOW)
    try:
        clock = machine_clock(settings.clock_offset)
        node = await open_node(
            storage,
            clock=clock,
            random_bytes=os.urandom,
            settings=settings,
            secret_key=lambda: load_secret_key(key_file(database), environ),
            about=NodeAnswer(version("perdure"), os.getpid(), str(database), settings.environment, "", clock.now()),
        )
        try:
            yield node.platform
        finally:
            await node.stop(grace=_NOW)
    finally:
        await storage.close()
