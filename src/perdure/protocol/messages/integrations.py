"""Integrations as an index names them (v2 protocol, section 3.5)."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class IntegrationMetadata(Struct, frozen=True, kw_only=True, rename="camel"):
    """What an integration is called, and how it is set up."""

    id: str
    name: str
    instructions: str | UnsetType = UNSET


class IntegrationConfig(Struct, frozen=True, kw_only=True, rename="camel"):
    """An integration that a job or a source uses.

    Attributes:
        auth_source: Where its credentials are: kept by the server, in the app, or found by the app per run.
    """

    id: str
    metadata: IntegrationMetadata
    auth_source: Literal["HOSTED", "LOCAL", "RESOLVER"]

    @property
    def hosted(self) -> str | None:
        """Its id, if the server keeps its credentials."""
        return self.id if self.auth_source == "HOSTED" else None
