"""Credentials of integrations (v2 protocol, sections 4.10, 5 and 13)."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.tenancy import AccountReference

ConnectionType = Literal["DEVELOPER", "EXTERNAL"]


class ConnectionAuth(Struct, frozen=True, kw_only=True, rename="camel"):
    """A credential; also the answer of ``GET /api/v1/:endpointSlug/auth/:integrationId``."""

    type: Literal["oauth2", "apiKey"]
    access_token: str
    scopes: list[str] | UnsetType = UNSET
    additional_fields: dict[str, str] | UnsetType = UNSET

    def __repr__(self) -> str:
        return f"ConnectionAuth({self.type})"


class ConnectionAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of ``GET /api/v1/integrations/:slug/connections/:connectionId``."""

    id: str
    auth: ConnectionAuth
    metadata: Raw | UnsetType = UNSET


class CreateConnectionBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``POST /api/v1/accounts/:accountId/connections/:integrationSlug``."""

    access_token: str
    type: Literal["oauth2"]
    scopes: list[str] | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET

    def __repr__(self) -> str:
        return f"CreateConnectionBody({self.type})"


class CreatedConnection(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to that, which does not repeat the token."""

    id: str
    integration_id: str
    account_id: str
    type: Literal["oauth2", "apiKey"]
    created_at: Instant
    updated_at: Instant


class MissingConnectionClient(Struct, frozen=True, kw_only=True, rename="camel"):
    """The integration whose connection is missing."""

    id: str
    title: str
    scopes: list[str]
    created_at: Instant
    updated_at: Instant


class ResolvedConnectionClient(MissingConnectionClient, frozen=True, kw_only=True, rename="camel"):
    """The integration whose connection is there; clients want to be told what kind of integration it is."""

    integration_identifier: str
    integration_auth_method: str


class MissingConnectionPayload(Struct, frozen=True, kw_only=True, rename="camel"):
    """The payload of ``dev.trigger.notifications.missingConnection`` (section 13.3)."""

    id: str
    type: ConnectionType
    client: MissingConnectionClient
    authorization_url: str
    account: AccountReference | UnsetType = UNSET


class MissingConnectionResolvedPayload(Struct, frozen=True, kw_only=True, rename="camel"):
    """The payload of ``dev.trigger.notifications.missingConnectionResolved`` (section 13.3)."""

    id: str
    type: ConnectionType
    client: ResolvedConnectionClient
    expires_at: Instant | None
    account: AccountReference | UnsetType = UNSET
