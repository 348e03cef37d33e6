"""The HTTP server of a node: uvicorn with limits of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

HEADER_SECONDS = 30.0
"""How long a connection may stay without a whole request head."""

_MAX_CONNECTIONS = 1000
_SHUTDOWN_SECONDS = 2


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself would wait for a request's head for ever."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEADER_SECONDS, transport.close)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a head."""
        super().on_message_begin()
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def on_headers_complete(self) -> None:
        """Wait no longer: the body has a deadline where it is read."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer: the connection is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def make_server(app: Any, *, keep_alive: int) -> uvicorn.Server:
    """Make a server that the caller starts on a socket of its own, on the running loop, and stops.

    Args:
        app: The ASGI application.
        keep_alive: How many seconds an idle connection stays open.
    """
    config = uvicorn.Config(
        app,
        http=DeadlineProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    return server
