"""The bytes of one connection, counted before anything is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp.client_proto import ResponseHandler

from perdure.errors import ResponseTooLargeError
from perdure.protocol.outbound import RESPONSE_BODY_LIMIT

if TYPE_CHECKING:
    import asyncio

WIRE_LIMIT: Final = 2 * RESPONSE_BODY_LIMIT
"""Bytes that may come in for one answer, whatever they are: also interim answers, chunk headers and blank lines."""


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

    def set_response_params(self, **parameters: Any) -> None:
        """Get ready for the next answer."""
        self.is_used = True
        self._received = 0
        super().set_response_params(**parameters)

    def data_received(self, data: bytes) -> None:
        """Take bytes, unless they are too many."""
        self._received += len(data)
        if self._received <= WIRE_LIMIT:
            super().data_received(data)
            return
        error = ResponseTooLargeError(f"The answer takes more than {WIRE_LIMIT // 1024**2} MiB to transfer.")
        self.set_exception(error)
        if self._payload is not None:
            self._payload.set_exception(error)
            # Otherwise the loss of the connection would take this error's place.
            self._payload = None
        if self.transport is not None:
            self.transport.abort()
