"""Credentials of integrations, as apps of the v2 protocol read and store them (section 4.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from perdure.api.routes import Route
from perdure.api.v2.shapes import instant, message_answer, not_found, raw
from perdure.api.v2.tasks import read_message
from perdure.errors import NotFoundError
from perdure.protocol.connections import NewConnection
from perdure.protocol.json_text import JsonText, check
from perdure.protocol.messages.auth import ConnectionAnswer, ConnectionAuth, CreateConnectionBody, CreatedConnection
from perdure.transport.execution_body import connection_auth

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call


async def get_auth(call: Call) -> Response:
    """Give the credential that runs without an account have for an integration."""
    remote = call.remote
    try:
        found = await remote.connections.find(remote.environment_no, call.part("integration_id"))
    except NotFoundError as error:
        raise not_found(error.message) from None
    return message_answer(connection_auth(found))


async def get_connection(call: Call) -> Response:
    """Give a connection with its credential."""
    remote, integration = call.remote, call.part("integration_id")
    try:
        info, credential = await remote.connections.get(remote.environment_no, call.part("connection_id"))
    except NotFoundError as error:
        raise not_found(error.message) from None
    if info.integration != integration:
        raise not_found(f"There is no connection {info.id!r} to {integration!r:.80} in this environment.")
    return message_answer(
        ConnectionAnswer(id=info.id, auth=connection_auth(credential), metadata=raw(credential.metadata))
    )


async def create_connection(call: Call) -> Response:
    """Store the connection of an account to an integration."""
    account_id, integration = call.part("account_id"), call.part("integration_id")
    body = await read_message(call, CreateConnectionBody)
    made = await call.desk.put_connection(
        NewConnection(
            integration,
            body.access_token,
            account_id,
            body.type,
            None if body.scopes is UNSET else tuple(body.scopes),
            metadata=None if body.metadata is UNSET else JsonText(check(bytes(body.metadata))),
        )
    )
    return message_answer(
        CreatedConnection(
            id=made.id,
            integration_id=made.integration,
            account_id=account_id,
            type=made.type,
            created_at=instant(made.created_at),
            updated_at=instant(made.updated_at),
        )
    )


ROUTES = (
    Route(
        method="GET", path="/api/v1/{endpoint_id}/auth/{integration_id}", handler=get_auth,
        summary="Give the credential that runs without an account have for an integration", answer=ConnectionAuth,
        errors=(404,), has_v2_form=True,
    ),
    Route(
        method="GET", path="/api/v1/integrations/{integration_id}/connections/{connection_id}",
        handler=get_connection, summary="Give a connection with its credential", answer=ConnectionAnswer,
        errors=(404,), has_v2_form=True,
    ),
    Route(
        method="POST", path="/api/v1/accounts/{account_id}/connections/{integration_id}", handler=create_connection,
        summary="Store the connection of an account to an integration", body=CreateConnectionBody,
        answer=CreatedConnection, has_v2_form=True,
    ),
)  # fmt: skip
