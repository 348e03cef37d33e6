"""Who a key belongs to, and how the command line gets one (v2 protocol, section 4.11)."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from perdure.protocol.messages.instant import Instant
from perdure.protocol.statuses import EnvironmentType


class ProjectRecord(Struct, frozen=True, kw_only=True, rename="camel"):
    """A project as it is stored."""

    id: str
    slug: str
    name: str
    created_at: Instant
    updated_at: Instant


class OrganizationRecord(Struct, frozen=True, kw_only=True, rename="camel"):
    """An organization as it is stored."""

    id: str
    slug: str
    title: str
    created_at: Instant
    updated_at: Instant


class WhoamiAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The environment that a private key belongs to: the answer of ``GET /api/v1/whoami``."""

    id: str
    slug: str
    type: EnvironmentType
    created_at: Instant
    updated_at: Instant
    pk_api_key: str
    project: ProjectRecord
    organization: OrganizationRecord
    user_id: str | UnsetType = UNSET


class UserAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The user that a personal access token belongs to: the answer of ``GET /api/v2/whoami``."""

    user_id: str
    email: str


class AuthorizationCodeAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of ``POST /api/v1/authorization-code``; ``url`` is where the user allows it."""

    authorization_code: str
    url: str


class TokenBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``POST /api/v1/token``."""

    authorization_code: str


class PersonalToken(Struct, frozen=True, kw_only=True, rename="camel"):
    """A personal access token, and a form of it that may be shown."""

    token: str
    obfuscated_token: str


class TokenAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of ``POST /api/v1/token``; null until the user has allowed it."""

    token: PersonalToken | None
