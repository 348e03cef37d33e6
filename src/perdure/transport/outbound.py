"""Requests on behalf of jobs: within their deadline, along redirects, and nowhere that is closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from perdure.errors import FetchFailedError, FetchTimeoutError, InvalidUrlError
from perdure.protocol.egress import EgressPolicy
from perdure.protocol.outbound import REDIRECT_LIMIT, OutboundRequest, OutboundResponse, check_outbound
from perdure.protocol.web_url import WebUrl, join_url
from perdure.transport.redirects import redirect_location, redirected_request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection, Sequence

    from perdure.protocol.egress import EgressRule
    from perdure.transport.exchange import Exchange
    from perdure.transport.lookup import Lookup

CONNECTION_LIMIT: Final = 2000
"""Connections that one ``Outbound`` has open at most; further requests wait, within their timeout."""

HOST_CONNECTION_LIMIT: Final = 1000
"""Connections that it has open to one host and port at most."""


class Outbound:
    """Sends requests, and refuses to send them anywhere that is closed.

    Every hop is checked before anything is sent: the URL, every address that its name has, the address of each
    socket before it connects and after. Names are looked up anew for each connection, and the connection goes to an
    address that was checked, so a name that changes its addresses in between gains nothing.

    Args:
        allow_loopback: Whether ``localhost``, ``127.0.0.0/8`` and ``[::1]`` are open: in development only.
        allowed: What else is open.
        ports: The only ports that are open, rules aside; none given: all.
        connections: Connections open at once.
        connections_per_host: Connections open at once to one host and port.
        lookup: Finds the addresses of a name; ``None``: the system's resolver.
        tls: Which certificates are trusted; ``None``: those that the system trusts.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool,
        allowed: Sequence[EgressRule] = (),
        ports: Collection[int] = (),
        connections: int = CONNECTION_LIMIT,
        connections_per_host: int = HOST_CONNECTION_LIMIT,
        lookup: Lookup | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.policy = EgressPolicy(allow_loopback=allow_loopback, allowed=allowed, ports=ports)
        self._connections = (connections, connections_per_host)
        self._lookup = lookup
        self._tls = tls
        self._exchange: Exchange | None = None
        self._is_closed = False

    def check(self, request: OutboundRequest) -> None:
        """Refuse what can be refused before a name is looked up.

        Raises:
            InvalidArgumentError: As ``check_outbound``.
            ValueTooLargeError: As ``check_outbound``.
            BlockedAddressError: The host is an address that requests may not be sent to.
        """
        check_outbound(request, policy=self.policy)

    async def request(self, request: OutboundRequest) -> OutboundResponse:
        """Send a request, follow its redirects and read the whole answer.

        Args:
            request: What is sent. At most five redirects are followed; one to another origin loses the credentials.

        Returns:
            The answer, whatever its status.

        Raises:
            InvalidArgumentError: As ``check_outbound``; nothing was sent.
            ValueTooLargeError: As ``check_outbound``; nothing was sent.
            BlockedAddressError: The URL, or a redirect, leads to an address that is closed; nothing was sent there.
            FetchTimeoutError: The answer was not complete within ``request.timeout``.
            ResponseTooLargeError: Headers or body are larger than what is read.
            FetchFailedError: There was no answer, or none that could be read; ``status`` is ``None``.
        """
        url = check_outbound(request, policy=self.policy)
        try:
            async with asyncio.timeout(request.timeout):
                return await self._follow(request, url)
        except TimeoutError as error:
            raise FetchTimeoutError(
                f"{url.origin} did not answer in full within {request.timeout:g} seconds."
            ) from error

    async def close(self) -> None:
        """Close every connection; requests under way fail."""
        self._is_closed = True
        if self._exchange is not None:
            await self._exchange.close()

    async def _follow(self, request: OutboundRequest, url: WebUrl) -> OutboundResponse:
        for _ in range(REDIRECT_LIMIT + 1):
            response = await self._open().send(request, url)
            location = redirect_location(response.status, response.headers)
            if location is None or not request.follows:
                return response
            target = self._redirect_target(url, location)
            request = redirected_request(
                request, url=target.text, status=response.status, same_origin=target.origin == url.origin
            )
            url = target
        raise FetchFailedError(f"{url.origin} redirected more than {REDIRECT_LIMIT} times.")

    def _redirect_target(self, url: WebUrl, location: str) -> WebUrl:
        try:
            target = join_url(url, location)
        except InvalidUrlError as error:
            raise FetchFailedError(f"{url.origin} redirects to somewhere else than a URL. {error.message}") from error
        self.policy.check_url(target)
        return target

    def _open(self) -> Exchange:
        if self._is_closed:
            raise FetchFailedError("The node is stopping; it sends no more requests.")
        if self._exchange is None:
            # The HTTP client is loaded when the first request is sent, not when a node starts.
            from perdure.transport.exchange import Exchange

            limit, per_host = self._connections
            self._exchange = Exchange(
                self.policy, lookup=self._lookup, connections=limit, connections_per_host=per_host, tls=self._tls
            )
        return self._exchange
