"""Administration: the environments, keys and endpoints of a server, as operators ask for them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from perdure.protocol.statuses import EnvironmentType

if TYPE_CHECKING:
    from datetime import timedelta


class EnvironmentAnswer(Struct, frozen=True, gc=False):
    """An environment."""

    id: str
    slug: str
    type: EnvironmentType
    created_at: datetime


class KeyAnswer(Struct, frozen=True, gc=False):
    """A key of an environment, which is never shown again. What the settings give has no times.

    ``used_at`` is exact to the minute. A key that was revoked has expired.
    """

    id: str
    environment: str
    is_public: bool
    last_four: str
    created_at: datetime | None
    expires_at: datetime | None
    used_at: datetime | None


class MadeKeyAnswer(Struct, frozen=True, gc=False):
    """A key that was just made: the only answer that has it whole."""

    id: str
    environment: str
    is_public: bool
    key: str
    created_at: datetime

    def __repr__(self) -> str:
        return f"MadeKeyAnswer({self.id!r})"


class EndpointAnswer(Struct, frozen=True, gc=False):
    """An app behind a URL.

    ``is_there``: whether it has said what it declares since the server was started. ``hook``: the path where a request
    without a key lets it be asked anew, which is a secret. ``warnings``: what of it is registered otherwise than it
    declares, as sentences.
    """

    id: str
    url: str
    is_there: bool
    job_ids: tuple[str, ...]
    hook: str
    created_at: datetime
    updated_at: datetime
    warnings: tuple[str, ...] = ()


class AdministrationPlatform(Protocol):
    """Environments, keys and endpoints of a server."""

    async def list_environments(self) -> list[EnvironmentAnswer]:
        """List the environments, in the order of their creation."""
        ...

    async def create_environment(self, slug: str, kind: EnvironmentType | None = None) -> EnvironmentAnswer:
        """Create an environment; ``kind=None``: that which its slug says."""
        ...

    async def list_keys(self) -> list[KeyAnswer]:
        """List the keys of this environment."""
        ...

    async def create_key(self, *, is_public: bool = False) -> MadeKeyAnswer:
        """Make a key of this environment."""
        ...

    async def rotate_key(self, key_id: str, *, overlap: timedelta) -> MadeKeyAnswer:
        """Make a key in place of another, which stays valid for so long."""
        ...

    async def revoke_key(self, key_id: str) -> None:
        """Take a key back: it opens nothing from now on."""
        ...

    async def list_endpoints(self) -> list[EndpointAnswer]:
        """List the apps behind URLs that are registered in this environment, by id."""
        ...

    async def add_endpoint(self, endpoint_id: str | None, url: str) -> EndpointAnswer:
        """Register an app behind a URL, or where it is now: it is asked who it is and what it declares.

        ``endpoint_id`` is the id that it has to have; ``None``: any.
        """
        ...

    async def index_endpoint(self, endpoint_id: str) -> EndpointAnswer:
        """Ask an app anew what it declares."""
        ...

    async def remove_endpoint(self, endpoint_id: str) -> None:
        """Forget an app: its jobs start no more, and their runs wait until it is registered again."""
        ...
