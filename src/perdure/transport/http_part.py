"""The base of each group of calls to a node over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from perdure.protocol.api_json import encode
from perdure.transport.node_link import path_of
from perdure.transport.node_request import NodeRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from perdure.transport.node_request import NodeReply
    from perdure.transport.node_target import Target

T = TypeVar("T")


class Link(Protocol):
    """The way to a node: `perdure.transport.node_link.NodeLink` is one."""

    async def ask(self, request: NodeRequest, kind: type[T], *, longer: float = 0) -> T:
        """Send a request and read the answer."""
        ...

    async def send(self, request: NodeRequest, *, longer: float = 0) -> tuple[NodeReply, Target]:
        """Send a request; the answer as it is, and whose it is."""
        ...

    def follow(self, request: NodeRequest, kind: type[T]) -> AsyncIterator[tuple[str, T]]:
        """Read a stream of events."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class HttpPart:
    """Calls to a node.

    Args:
        link: The way to it.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    async def _get(self, kind: type[T], *segments: str, **query: str | int | None) -> T:
        return await self._link.ask(NodeRequest("GET", path_of(*segments, query=list(query.items()))), kind)

    async def _post(self, kind: type[T], *segments: str, body: Any = None, repeats: bool = True) -> T:
        data = None if body is None else encode(body)
        return await self._link.ask(NodeRequest("POST", path_of(*segments), data, repeats), kind)
