"""Connections: credentials that the server keeps for integrations (v2 protocol, sections 4.10 and 13)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from perdure.protocol.json_text import JsonText

CredentialType = Literal["oauth2", "apiKey"]


class Credential(Struct, frozen=True, omit_defaults=True):
    """What an integration shows its vendor; nothing but its parts shows it.

    Attributes:
        access_token: The token, or the key.
        type: Which of them it is.
        scopes: What it allows, if that is known.
        additional_fields: What the vendor wants beside it.
        metadata: JSON that whoever gave it wants kept with it.
    """

    access_token: str
    type: CredentialType = "oauth2"
    scopes: tuple[str, ...] | None = None
    additional_fields: dict[str, str] | None = None
    metadata: JsonText | None = None

    def __repr__(self) -> str:
        return f"Credential({self.type})"


class NewConnection(Struct, frozen=True):
    """A connection to store; ``account_id=None``: for runs without an account."""

    integration: str
    access_token: str
    account_id: str | None = None
    type: CredentialType = "oauth2"
    scopes: tuple[str, ...] | None = None
    additional_fields: dict[str, str] | None = None
    metadata: JsonText | None = None

    def __repr__(self) -> str:
        return f"NewConnection({self.integration!r}, account_id={self.account_id!r})"


class ConnectionInfo(Struct, frozen=True, gc=False):
    """A connection without its credential; ``account_id=None``: of the whole environment."""

    id: str
    integration: str
    account_id: str | None
    type: CredentialType
    created_at: datetime
    updated_at: datetime


class ConnectionPage(Struct, frozen=True, gc=False):
    """A page of connections, oldest first."""

    connections: tuple[ConnectionInfo, ...]
    next_cursor: str | None
