"""The HTTP server of a node: uvicorn with limits of its own."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from perdure.api.app import HEADERS_LIMIT, URL_LIMIT, headers_too_large

if TYPE_CHECKING:
    import asyncio

HEADER_SECONDS = 30.0
"""How long a connection may stay without a whole request head."""

HEAD_LIMIT = HEADERS_LIMIT + URL_LIMIT
"""How many bytes the first line and the headers of a request may have while they arrive."""

_MAX_CONNECTIONS = 1000
_SHUTDOWN_SECONDS = 2


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself would wait for a request's head for ever."""

    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        # Head and body are two writes. asyncio leaves the second waiting for an answer to the first, 40 ms with many
        # clients, unless the listening socket was made with its protocol named.
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._deadline = self.loop.call_later(HEADER_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, unless it is a head without end: it would be kept until it is whole."""
        if self._deadline is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._deadline is not None and self._head_bytes > HEAD_LIMIT:
            self._refuse_head()

    def _refuse_head(self) -> None:
        body = bytes(headers_too_large().body)
        head = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
        self.transport.write(b"%sconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (head, len(body), body))
        self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a head."""
        super().on_message_begin()
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def on_headers_complete(self) -> None:
        """Wait no longer: the body has a deadline where it is read."""
        self._stop_waiting()
        self._head_bytes = 0
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
