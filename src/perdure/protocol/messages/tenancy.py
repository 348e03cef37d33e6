"""Whom a run belongs to, and what it runs, as several messages name them (v2 protocol, sections 3.6, 3.7, 6.10)."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.statuses import EnvironmentType


class EnvironmentReference(Struct, frozen=True, kw_only=True, rename="camel"):
    """The environment; ``slug`` is one of ``dev stg prod prev``."""

    id: str
    slug: str
    type: EnvironmentType


class OrganizationReference(Struct, frozen=True, kw_only=True, rename="camel"):
    """The organization that owns the project."""

    id: str
    slug: str
    title: str


class ProjectReference(Struct, frozen=True, kw_only=True, rename="camel"):
    """The project that owns the environment."""

    id: str
    slug: str
    name: str


class JobReference(Struct, frozen=True, kw_only=True, rename="camel"):
    """A job, by its slug, and one version of it."""

    id: str
    version: str


class AccountReference(Struct, frozen=True, kw_only=True, rename="camel"):
    """An external account, by the identifier its owner gave it."""

    id: str
    metadata: Raw | UnsetType = UNSET


class SourceReference(Struct, frozen=True, kw_only=True, rename="camel"):
    """The schedule or the registration of a dynamic trigger that an event came from."""

    id: str
    metadata: Raw | UnsetType = UNSET
