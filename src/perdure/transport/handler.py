"""The bytes of one connection, counted before anything is made of them."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ClientPayloadError
from aiohttp.client_proto import ResponseHandler

from perdure.errors import ResponseTooLargeError
from perdure.protocol.outbound import RESPONSE_BODY_LIMIT

if TYPE_CHECKING:
    import asyncio

WIRE_LIMIT: Final = 2 * RESPONSE_BODY_LIMIT
"""Bytes that may come in for one answer, whatever they are: also interim answers, chunk headers and blank lines."""

wire_limit: ContextVar[int] = ContextVar("wire_limit", default=WIRE_LIMIT)
"""How many it is for the request that is about to be sent."""

READ_SIZE: Final = 32 * 1024
"""Bytes that are taken from a connection at once."""

TLS_READ_SIZE: Final = 8 * 1024
"""The same over TLS, where each connection keeps a buffer of that size."""


class BoundedHandler(ResponseHandler):
    """Drives one connection, and cuts it off when an answer takes too many bytes.

    The limits of headers and body count what the HTTP client makes of the bytes. It makes nothing of some, and would
    go on reading them until the request's timeout.

    Attributes:
        is_used: Whether a request has gone over this connection.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.is_used = False
        self._received = 0
        self._limit = WIRE_LIMIT

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection over."""
        super().connection_made(transport)
        read_in_small_pieces(transport)

    def set_response_params(self, **parameters: Any) -> None:
        """Get ready for the next answer."""
        self.is_used = True
        self._received = 0
        self._limit = wire_limit.get()
        super().set_response_params(**parameters)

    def data_received(self, data: bytes) -> None:
        """Take bytes, unless they are too many."""
        self._received += len(data)
        if self._received <= self._limit:
            super().data_received(data)
            self._fail_payload()
            return
        error = ResponseTooLargeError(f"The answer takes more than {self._limit // 1024**2} MiB to transfer.")
        self.set_exception(error)
        if self._payload is not None:
            self._payload.set_exception(error)
        if self.transport is not None:
            self.transport.abort()

    def _fail_payload(self) -> None:
        # What is wrong with a trailer is noted for the next answer only, and the reader of this one would wait on.
        error, payload = self.exception(), self._payload
        if error is not None and payload is not None and not payload.is_eof() and payload.exception() is None:
            failure = ClientPayloadError()
            failure.__cause__ = error
            payload.set_exception(failure)


def read_in_small_pieces(reader: Any) -> None:
    """Have a transport, or what speaks TLS over one, take little at once.

    asyncio reads up to 256 KiB at once, and keeps a buffer of that size for every TLS connection: with a thousand of
    them, 256 MB that hold nothing. There is no public way to ask for less; other loops have other attributes.
    """
    if not hasattr(reader, "max_size"):
        return
    if hasattr(reader, "_ssl_buffer") and hasattr(reader, "_ssl_buffer_view"):
        reader.max_size = TLS_READ_SIZE
        # Of no length, it is replaced by one of the new size when something comes in.
        reader._ssl_buffer, reader._ssl_buffer_view = bytearray(), memoryview(b"")  # noqa: SLF001
    else:
        reader.max_size = READ_SIZE
