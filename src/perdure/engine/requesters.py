"""Who sends requests on behalf of an environment: in development they may go to this machine's own addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from perdure.protocol.statuses import EnvironmentType

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.engine.directory import Directory
    from perdure.protocol.outbound import OutboundRequest, OutboundResponse


class Requester(Protocol):
    """Sends requests; `perdure.transport.outbound.Outbound` is one."""

    async def request(self, request: OutboundRequest) -> OutboundResponse:
        """Send a request and read the whole answer; it raises a `RunError` if there is none."""
        ...

    async def close(self) -> None:
        """Send no more."""
        ...


@runtime_checkable
class Checker(Protocol):
    """Who sees of some requests that they may not be, before anything is sent."""

    def check(self, request: OutboundRequest) -> None:
        """Refuse a request; it raises a `RunError`."""
        ...


class Requesters:
    """One for development, and one for everything else.

    Args:
        make: Makes one; it is told whether loopback addresses are open.
        directory: Knows the environments.
    """

    def __init__(self, make: Callable[[bool], Requester], directory: Directory) -> None:
        self._directory = directory
        self._development = make(True)
        self._others = make(False)

    def of(self, environment_no: int) -> Requester:
        """Give the one of an environment; of one that this node does not know, that which may reach less."""
        tenant = self._directory.tenants.get(environment_no)
        is_development = tenant is not None and tenant.environment.type is EnvironmentType.DEVELOPMENT
        return self._development if is_development else self._others

    def check(self, environment_no: int, request: OutboundRequest) -> None:
        """Refuse what can be refused of a request before anything is sent.

        Raises:
            RunError: It may not be.
        """
        requester: object = self.of(environment_no)
        if isinstance(requester, Checker):
            requester.check(request)

    async def close(self) -> None:
        """Send no more."""
        await self._development.close()
        if self._others is not self._development:
            await self._others.close()
