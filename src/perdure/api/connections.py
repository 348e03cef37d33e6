"""Connections: credentials that the server keeps for integrations. They go in here, and come out to apps alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.answers import answer
from perdure.api.calls import page_of
from perdure.api.routes import CURSOR, Route, take
from perdure.protocol.api_bodies import Deleted
from perdure.protocol.connections import ConnectionInfo, ConnectionPage, NewConnection

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call

_DEPTH = 1


async def list_connections(call: Call) -> Response:
    """List a page of connections."""
    return answer(await call.desk.list_connections(**page_of(call)))


async def put_connection(call: Call) -> Response:
    """Store a connection."""
    return answer(await call.desk.put_connection(await call.body(NewConnection, depth=_DEPTH)))


async def delete_connection(call: Call) -> Response:
    """Forget a connection."""
    await call.desk.delete_connection(call.part("connection_id"))
    return answer(Deleted(True))


ROUTES = (
    Route(
        method="GET", path="/api/connections", handler=list_connections,
        summary="List the connections of integrations, oldest first, without their credentials",
        answer=ConnectionPage, query=(CURSOR, take("connections")),
    ),
    Route(
        method="PUT", path="/api/connections", handler=put_connection,
        summary="Store a connection of an integration; runs that wait for it go on", body=NewConnection,
        answer=ConnectionInfo,
    ),
    Route(
        method="DELETE", path="/api/connections/{connection_id}", handler=delete_connection,
        summary="Forget a connection", answer=Deleted, errors=(404,),
    ),
)  # fmt: skip
