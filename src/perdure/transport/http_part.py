"""The base of each group of calls to a node over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from perdure.protocol.api_json import encode
from perdure.transport.node_link import path_of
from perdure.transport.node_request import NodeRequest

if TYPE_CHECKING:
    from perdure.transport.node_link import NodeLink

T = TypeVar("T")


class HttpPart:
    """Calls to a node.

    Args:
        link: The way to it.
    """

    def __init__(self, link: NodeLink) -> None:
        self._link = link

    async def _get(self, kind: type[T], *segments: str, **query: str | int | None) -> T:
        return await self._link.ask(NodeRequest("GET", path_of(*segments, query=list(query.items()))), kind)

    async def _post(self, kind: type[T], *segments: str, body: Any = None, repeats: bool = True) -> T:
        data = None if body is None else encode(body)
        return await self._link.ask(NodeRequest("POST", path_of(*segments), data, repeats), kind)
