"""Connections that go to checked addresses only."""

from __future__ import annotations

import socket
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from perdure.errors import BlockedAddressError

if TYPE_CHECKING:
    import ssl

    from aiohttp import ClientRequest, ClientTimeout
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

    from perdure.protocol.egress import EgressPolicy
    from perdure.transport.lookup import Lookup

# RFC 6761: this name is not a question for a resolver, whatever a hosts file says.
_LOCALHOST: Final = ("127.0.0.1", "::1")
_MOST_TRIED: Final = 8


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
        self._policy = policy
        self._host_and_port: ContextVar[tuple[str, int] | None] = ContextVar("host_and_port", default=None)

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        """Give a connection from the pool or a new one, once its other side was checked.

        Raises:
            BlockedAddressError: It leads to an address that is closed.
        """
        self._host_and_port.set((req.url.raw_host or "", req.url.port or 0))
        connection = await super().connect(req, traces, timeout)
        try:
            transport = connection.transport
            peer = None if transport is None else transport.get_extra_info("peername")
            # Without a transport the connection was lost again, and nothing can be sent.
            if transport is not None:
                self._check(str(peer[0]) if peer else "")
        except BlockedAddressError:
            connection.close()
            raise
        return connection

    def _make_socket(self, info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, protocol, _, address = info
        self._check(str(address[0]))
        return socket.socket(family, kind, protocol)

    def _check(self, address: str) -> None:
        # Set in `connect`, and inherited by the tasks that race several addresses.
        host_and_port = self._host_and_port.get()
        if host_and_port is None:
            raise BlockedAddressError
        self._policy.check_address(address, host=host_and_port[0], port=host_and_port[1])


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
