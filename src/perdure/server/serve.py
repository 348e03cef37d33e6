"""A node on its own: it has no jobs of this process, but those of apps that register with it."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

from perdure.errors import InvalidArgumentError
from perdure.server.embedded import start_embedded

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from perdure.server.embedded import EmbeddedNode

_log = logging.getLogger(__name__)


async def serve(
    listening: socket.socket,
    *,
    database_url: str | None,
    public_url: str | None,
    is_ready: Callable[[EmbeddedNode], None],
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        listening: Where it listens.
        database_url: Where everything is stored; ``None``: as the settings say.
        public_url: Under which URL others reach it; ``None``: as the settings say, else that of the socket.
        is_ready: Called when it serves.

    Raises:
        InvalidArgumentError: No environment has a private key: apps have to know one.
        StorageError: The database cannot be opened.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    node = await start_embedded(
        None, database_url=database_url, public_url=public_url, inherited=listening, serves_all=True
    )
    try:
        if not node.engine.keys.has_private():
            raise InvalidArgumentError(
                "A server needs a key that its apps know: make one with `perdure keys create`, or set PERDURE_API_KEY "
                "to tr_dev_ (or PERDURE_PROD_API_KEY to tr_prod_ …) and 20 letters or digits."
            )
        is_ready(node)
        await stopping.wait()
        _log.info("The server stops: executions have 10 s to end.")
    finally:
        await node.stop()
