"""A node on its own: it has no jobs of this process, but those of apps that register with it."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import threading
from typing import TYPE_CHECKING, Final

from perdure.errors import InvalidArgumentError
from perdure.server.embedded import start_embedded
from perdure.server.tracing import VARIABLE, load_tracing

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from opentelemetry.sdk.trace import TracerProvider

    from perdure.server.embedded_node import EmbeddedNode

_log = logging.getLogger(__name__)

_EXPORT_SECONDS: Final = 5.0


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
    exporting = None
    if load_tracing() is not None:
        exporting = begin_export()
    node = await start_embedded(
        None, database_url=database_url, public_url=public_url, inherited=listening, serves_all=True
    )
    try:
        if not node.engine.keys.has_private():
            raise InvalidArgumentError(
                "A server needs a key that its apps know: make one with `perdure keys create`, or set PERDURE_API_KEY "
                "to tr_dev_ (or PERDURE_PROD_API_KEY to tr_prod_ …) and 20 letters or digits."
            )
        # What there is by now stays: the collector took 26 ms to look through it, each time.
        gc.freeze()
        is_ready(node)
        await stopping.wait()
        _log.info("The server stops: executions have 10 s to end.")
    finally:
        await node.stop()
        if exporting is not None:
            await asyncio.to_thread(_end_export, exporting)


def begin_export() -> TracerProvider:
    """Send spans to a collector, of which the variables ``OTEL_…`` say where it is.

    Raises:
        InvalidArgumentError: What sends them is not installed.
    """
    try:
        from perdure.server import trace_export
    except ImportError as error:
        raise InvalidArgumentError(f"{VARIABLE} needs OpenTelemetry: pip install 'perdure[traces]'.") from error
    return trace_export.begin_export()


def _end_export(provider: TracerProvider) -> None:
    """Send what is left, but wait for no collector that is not there."""
    ending = threading.Thread(target=provider.shutdown, daemon=True)
    ending.start()
    ending.join(_EXPORT_SECONDS)
