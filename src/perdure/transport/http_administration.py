"""Environments, keys, endpoints and connections of a server, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.protocol.administration import EndpointAnswer, EnvironmentAnswer, KeyAnswer, MadeKeyAnswer
from perdure.protocol.api_bodies import Deleted, NewEndpoint, NewEnvironment, NewKey, RotateKey
from perdure.protocol.api_json import encode
from perdure.protocol.connections import ConnectionInfo, ConnectionPage, NewConnection
from perdure.transport.http_part import HttpPart
from perdure.transport.node_link import path_of
from perdure.transport.node_request import NodeRequest

if TYPE_CHECKING:
    from datetime import timedelta

    from perdure.protocol.statuses import EnvironmentType


class HttpAdministration(HttpPart):
    """Makes environments and keys, registers endpoints, stores connections."""

    async def list_environments(self) -> list[EnvironmentAnswer]:
        """List the environments, in the order of their creation."""
        return await self._get(list[EnvironmentAnswer], "environments")

    async def create_environment(self, slug: str, kind: EnvironmentType | None = None) -> EnvironmentAnswer:
        """Create an environment; ``kind=None``: that which its slug says."""
        return await self._post(EnvironmentAnswer, "environments", body=NewEnvironment(slug, kind))

    async def list_keys(self) -> list[KeyAnswer]:
        """List the keys of this environment."""
        return await self._get(list[KeyAnswer], "keys")

    async def create_key(self, *, is_public: bool = False) -> MadeKeyAnswer:
        """Make a key of this environment."""
        return await self._post(MadeKeyAnswer, "keys", body=NewKey(is_public), repeats=False)

    async def rotate_key(self, key_id: str, *, overlap: timedelta) -> MadeKeyAnswer:
        """Make a key in place of another, which stays valid for so long."""
        body = RotateKey(overlap.total_seconds())
        return await self._post(MadeKeyAnswer, "keys", key_id, "rotate", body=body, repeats=False)

    async def revoke_key(self, key_id: str) -> None:
        """Take a key back: it opens nothing from now on."""
        await self._link.ask(NodeRequest("DELETE", path_of("keys", key_id), repeats=False), Deleted)

    async def list_endpoints(self) -> list[EndpointAnswer]:
        """List the apps behind URLs that are registered in this environment, by id."""
        return await self._get(list[EndpointAnswer], "endpoints")

    async def add_endpoint(self, endpoint_id: str | None, url: str) -> EndpointAnswer:
        """Register an app behind a URL, or where it is now."""
        return await self._post(EndpointAnswer, "endpoints", body=NewEndpoint(url, endpoint_id))

    async def index_endpoint(self, endpoint_id: str) -> EndpointAnswer:
        """Ask an app anew what it declares."""
        return await self._post(EndpointAnswer, "endpoints", endpoint_id, "index")

    async def remove_endpoint(self, endpoint_id: str) -> None:
        """Forget an app."""
        await self._link.ask(NodeRequest("DELETE", path_of("endpoints", endpoint_id), repeats=False), Deleted)

    async def list_connections(self, *, cursor: str | None = None, take: int = 20) -> ConnectionPage:
        """List a page of connections, oldest first."""
        return await self._get(ConnectionPage, "connections", cursor=cursor, take=take)

    async def put_connection(self, new: NewConnection) -> ConnectionInfo:
        """Store a connection in place of the one that its integration and account had."""
        return await self._link.ask(NodeRequest("PUT", path_of("connections"), encode(new)), ConnectionInfo)

    async def delete_connection(self, connection_id: str) -> None:
        """Forget a connection."""
        await self._link.ask(NodeRequest("DELETE", path_of("connections", connection_id), repeats=False), Deleted)
