"""uvicorn's protocol with limits of a node's own, and a way without ASGI for what every step of a run asks."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from perdure.api.app import HEADERS_LIMIT, URL_LIMIT, headers_too_large, no_http
from perdure.api.request import whole_request
from perdure.api.task_lines import LineOpening
from perdure.protocol.task_line import LINE_PATH
from perdure.server.line_protocol import LineProtocol

if TYPE_CHECKING:
    from perdure.api.app import Direct
    from perdure.api.dispatcher import Dispatcher
    from perdure.api.request import ApiRequest
    from perdure.api.task_lines import TaskLine

HEADER_SECONDS = 30.0
"""How long a connection may stay without a whole request head."""

HEAD_LIMIT = HEADERS_LIMIT + URL_LIMIT
"""How many bytes the first line and the headers of a request may have while they arrive."""

MOST_CONNECTIONS: Final = 1000
"""How many connections, or requests under way, there may be before further requests are refused."""

MOST_LINES: Final = MOST_CONNECTIONS // 2
"""How many of them may be task lines, which stay open while nothing is under way; other apps send requests."""

_UNUSUAL: Final = {b"transfer-encoding", b"content-encoding", b"expect"}
_LINE: Final = LINE_PATH.encode("ascii")


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself would wait for a request's head for ever.

    A request that has arrived whole and is for a route that is asked at every step of a run is answered without ASGI in
    between, which takes longer than all that such a request needs. Any other goes the usual way.
    """

    _deadline: asyncio.TimerHandle | None = None
    _is_in_head = True
    _head_bytes = _arrived = 0
    _direct: Direct | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        # Head and body are two writes. asyncio leaves the second waiting for an answer to the first, 40 ms with many
        # clients, unless the listening socket was made with its protocol named.
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._find_direct = getattr(cast("Any", self).app, "find_direct", None)
        self._body: list[bytes] = []
        self._deadline = self.loop.call_later(HEADER_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, unless it is a head without end: it would be kept until it is whole."""
        self._arrived = len(data)
        if self._is_in_head:
            self._head_bytes += self._arrived
        super().data_received(data)
        if self._direct is not None and not self.transport.is_closing():
            # The rest of the body is still to come, and may be long in coming.
            self._direct = None
            self._go_by_asgi()
            super().on_body(b"".join(self._body))
        if self._is_in_head:
            self._await_head()

    def _await_head(self) -> None:
        if self._head_bytes > HEAD_LIMIT:
            self._refuse_head()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _refuse_head(self) -> None:
        body = bytes(headers_too_large().body)
        head = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
        self.transport.write(b"%sconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (head, len(body), body))
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP in the shape of every other refusal; nothing after it on the connection is read."""
        body = bytes(no_http().body)
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
        self.transport.write(b"%sconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (head, len(body), body))
        self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to read a head; what ASGI has of it is made when it is known that it goes that way."""
        self._is_in_head = True
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Wait no longer: the body has a deadline where it is read."""
        self._stop_waiting()
        self._is_in_head = False
        self._direct = self._find()
        self._head_bytes = 0
        if self._direct is None:
            self._go_by_asgi()
        else:
            self._body = []

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        if self._direct is None:
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer a request that has come whole."""
        if self._direct is None:
            super().on_message_complete()
            return
        dispatcher, parts = self._direct
        self._direct = None
        parser: Any = self.parser
        exchange = DirectExchange(keep_alive=parser.should_keep_alive())
        self.cycle = cast("Any", exchange)
        request = whole_request("POST", self.url.decode("ascii"), self.headers, parts, b"".join(self._body))
        task = self.loop.create_task(self._answer(dispatcher, request, exchange))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer: the connection is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _find(self) -> Direct | None:
        """Find what answers the request without ASGI; not one that is out of the ordinary in any way."""
        parser: Any = self.parser
        if self._find_direct is None or parser.get_method() != b"POST" or parser.get_http_version() != "1.1":
            return None
        # All that has arrived of it is seldom more than its headers alone may have.
        may_be_large = max(self._arrived, self._head_bytes) > HEADERS_LIMIT
        if may_be_large and sum(len(name) + len(value) for name, value in self.headers) > HEADERS_LIMIT:
            return None
        headers = dict(self.headers)
        if len(headers) < len(self.headers) or not _UNUSUAL.isdisjoint(headers):
            return None
        if b"upgrade" in headers and (self.url != _LINE or self._has_enough_lines()):
            return None
        cycle: Any = self.cycle
        is_answering = cycle is not None and not cycle.response_complete
        if is_answering or len(self.connections) >= MOST_CONNECTIONS or len(self.tasks) >= MOST_CONNECTIONS:
            return None
        found: Direct | None = self._find_direct(self.url, self.headers)
        return found

    def _has_enough_lines(self) -> bool:
        return sum(isinstance(one, LineProtocol) for one in self.connections) >= MOST_LINES

    def _go_by_asgi(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    async def _answer(self, dispatcher: Dispatcher, request: ApiRequest, exchange: DirectExchange) -> None:
        try:
            response = await dispatcher.respond(request)
            if self.flow.write_paused:
                await self.flow.drain()
        except asyncio.CancelledError:
            # The server stops. Whoever asked learns from the end of the connection that it is to ask again.
            self.transport.close()
            raise
        exchange.response_complete = True
        if exchange.disconnected or self.transport.is_closing():
            return
        head = [STATUS_LINE[response.status_code]]
        for name, value in response.raw_headers:
            head += (name, b": ", value, b"\r\n")
        if not exchange.keep_alive:
            head.append(b"connection: close\r\n")
        self.transport.write(b"".join((*head, b"\r\n", response.body)))
        if isinstance(response, LineOpening):
            line = self._become(response.line(dispatcher))
            if not exchange.keep_alive:
                # The server has begun to stop: it has ended its connections, and this one is none of those.
                line.shutdown()
            return
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _become(self, line: TaskLine) -> LineProtocol:
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        protocol = LineProtocol(line, connections=self.connections, tasks=self.tasks)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        return protocol

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: whoever asks for another protocol is answered by this one, as if it had not asked."""

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class DirectExchange:
    """What uvicorn's protocol asks of the exchange that it is at: this one is without ASGI.

    Attributes:
        keep_alive: Whether the connection stays open after the answer.
        response_complete: Whether it is answered.
        disconnected: Whether the other side has gone.
        message_event: Set when there is something to read; nobody waits for it.
    """

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    message_event = asyncio.Event()

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False
