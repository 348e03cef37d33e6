"""Connections that go to checked addresses only."""

from __future__ import annotations

import socket
import ssl
from contextvars import ContextVar
from errno import EACCES
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ClientConnectorCertificateError, ClientConnectorError, ClientConnectorSSLError, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from perdure.errors import BlockedAddressError
from perdure.transport.handler import BoundedHandler
from perdure.transport.handshakes import Handshakes, Unread

if TYPE_CHECKING:
    import asyncio

    from aiohttp import ClientRequest, ClientTimeout
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

    from perdure.protocol.egress import EgressPolicy
    from perdure.transport.lookup import Lookup

# RFC 6761: this name is not a question for a resolver, whatever a hosts file says.
_LOCALHOST: Final = ("127.0.0.1", "::1")
_MOST_TRIED: Final = 8

_SILENT_SECONDS: Final = 30
_ASKED_SECONDS: Final = 10
_ASKED_TIMES: Final = 3
"""When the other side of a connection is asked whether it is there, after how long, and how many times."""


def _ask_for_life(connection: socket.socket) -> None:
    """Have the system end a connection whose other side has vanished without a word.

    An execution may take an hour, and nothing comes meanwhile: that a machine has lost its power, or its network, would
    be noticed no sooner.

    Args:
        connection: The socket.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Systems name these differently, and some have none of them.
    for names, value in (
        (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), _SILENT_SECONDS),
        (("TCP_KEEPINTVL",), _ASKED_SECONDS),
        (("TCP_KEEPCNT",), _ASKED_TIMES),
    ):
        option = next((getattr(socket, name) for name in names if hasattr(socket, name)), None)
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


class _Attempt:
    """A request for a connection, and the refusal it met at a socket."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.refusal: BlockedAddressError | None = None


class GuardedConnector(TCPConnector):
    """A pool of connections, none of which leads to a closed address.

    There are three gates: all addresses of a name when it was looked up, the address of each socket before it
    connects (this one sees addresses in URLs too, for which no name is looked up), and the address that the other
    side of the connection has, before anything is sent.

    Args:
        policy: What is open.
        lookup: Finds the addresses of a name.
        connections: Connections open at once.
        connections_per_host: Connections open at once to one host and port.
        tls: Which certificates are trusted; ``None``: those that the system trusts.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        lookup: Lookup,
        connections: int,
        connections_per_host: int,
        tls: ssl.SSLContext | None,
    ) -> None:
        # Without a cache each connection has a lookup of its own, whose addresses are the ones it may use.
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            resolver=_CheckedResolver(policy, lookup),
            socket_factory=self._make_socket,
            use_dns_cache=False,
            limit=connections,
            limit_per_host=connections_per_host,
            ssl=tls if tls is not None else True,
        )
        # The client's own place for the protocol of its connections.
        self._factory = partial(BoundedHandler, loop=self._loop)  # type: ignore[assignment]
        self._handshakes = Handshakes()
        self._policy = policy
        # Inherited by the tasks that race several addresses.
        self._attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        """Give a connection from the pool or a new one, once its other side was checked.

        Raises:
            BlockedAddressError: It leads to an address that is closed.
        """
        attempt = _Attempt(req.url.raw_host or "", req.url.port or 0)
        self._attempt.set(attempt)
        while True:
            connection = await self._connect(attempt, req, traces, timeout)
            handler = connection.protocol
            if not isinstance(handler, BoundedHandler) or not handler.is_used:
                self._check_peer(attempt, connection)
                return connection
            # What came in while nobody had asked would be taken for the answer to this request.
            if not handler.should_close:
                return connection
            connection.close()

    async def _connect(
        self, attempt: _Attempt, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> Connection:
        try:
            return await super().connect(req, traces, timeout)
        except Exception:
            if attempt.refusal is None:
                raise
            raise attempt.refusal from None

    async def _wrap_create_connection(  # type: ignore[override]
        self, factory: Any, *args: Any, req: ClientRequest, **options: Any
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        """Connect, and secure the connection if it is to be; the client's own does both in one."""
        context, host = options.pop("ssl"), options.pop("server_hostname")
        plain, handler = await super()._wrap_create_connection(  # pyright: ignore[reportUnknownMemberType]
            factory if context is None else Unread, *args, req=req, ssl=None, server_hostname=None, **options
        )
        if context is None:
            return plain, handler
        handler = factory()
        try:
            return await self._handshakes.secure(plain, handler, context=context, host=host), handler
        except ssl.SSLCertVerificationError as error:
            raise ClientConnectorCertificateError(req.connection_key, error) from error
        except ssl.SSLError as error:
            raise ClientConnectorSSLError(req.connection_key, error) from error
        except OSError as error:
            raise ClientConnectorError(req.connection_key, error) from error

    def _make_socket(self, info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, protocol, _, address = info
        attempt = self._attempt.get()
        try:
            self._check(attempt, str(address[0]))
        except BlockedAddressError as error:
            if attempt is not None:
                attempt.refusal = error
            # Whoever races several addresses expects a failed connection, and loses any other error.
            raise OSError(EACCES, "blocked") from None
        made = socket.socket(family, kind, protocol)
        _ask_for_life(made)
        return made

    def _check_peer(self, attempt: _Attempt, connection: Connection) -> None:
        transport = connection.transport
        # Without a transport the connection was lost again, and nothing can be sent.
        if transport is None:
            return
        peer = transport.get_extra_info("peername")
        try:
            self._check(attempt, str(peer[0]) if peer else "")
        except BlockedAddressError:
            connection.close()
            raise

    def _check(self, attempt: _Attempt | None, address: str) -> None:
        if attempt is None:
            raise BlockedAddressError
        self._policy.check_address(address, host=attempt.host, port=attempt.port)


class _CheckedResolver(AbstractResolver):
    """Looks names up, and gives no address of a name that has a closed one."""

    def __init__(self, policy: EgressPolicy, lookup: Lookup) -> None:
        self._policy = policy
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = _LOCALHOST if host == "localhost" else await self._lookup(host)
        if not addresses:
            raise OSError(f"{host} has no address")
        for address in addresses:
            self._policy.check_address(address, host=host, port=port)
        return [_resolved(host, address, port) for address in addresses[:_MOST_TRIED]]

    async def close(self) -> None:
        """Close nothing: the lookup belongs to whoever made it."""


def _resolved(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return {
        "hostname": host,
        "host": address,
        "port": port,
        "family": family,
        "proto": socket.IPPROTO_TCP,
        "flags": socket.AI_NUMERICHOST,
    }
