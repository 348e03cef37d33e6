"""Environments with the project and the organization that own them, and external accounts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.execution import AccountInfo, EnvironmentInfo, JsonText, OrganizationInfo, ProjectInfo, Tenant
from perdure.protocol.statuses import EnvironmentType
from perdure.storage.instants import from_ms, to_ms

if TYPE_CHECKING:
    from perdure.storage.interface import Session


class EnvironmentRow(Struct, frozen=True):
    """An environment with its project and organization."""

    number: int
    tenant: Tenant
    created_at: datetime


async def find_environment(tx: Session, *, project: str, slug: str) -> EnvironmentRow | None:
    """Look an environment up by the slugs of its project and its own."""
    row = await tx.one("find_environment", project, slug)
    return None if row is None else _read(row)


async def list_environments(tx: Session, *, project: str, limit: int) -> list[EnvironmentRow]:
    """List the environments of a project, in the order of their creation."""
    return [_read(row) for row in await tx.all("list_environments", project, limit)]


async def create_missing(tx: Session, *, tenant: Tenant, now: datetime) -> None:
    """Create an environment, its project and its organization; those whose slugs exist stay as they are."""
    organization, project, environment = tenant.organization, tenant.project, tenant.environment
    await tx.run("insert_organization", organization.id, organization.slug, organization.title)
    await tx.run("insert_project", project.id, project.slug, project.name, organization.slug)
    await tx.run("insert_environment", environment.id, environment.slug, environment.type, to_ms(now), project.slug)


async def open_account(tx: Session, environment_no: int, *, account_id: str) -> tuple[int, AccountInfo]:
    """Find an external account by its id, or create it; its number and what it is known by."""
    row = await tx.one("find_account", environment_no, account_id)
    if row is None:
        await tx.run("insert_account", environment_no, account_id)
        row = await tx.one("find_account", environment_no, account_id)
    number, metadata = cast("tuple[int, JsonText | None]", row)
    return number, AccountInfo(account_id, metadata)


def _read(row: Any) -> EnvironmentRow:
    number, eid, eslug, kind, pid, pslug, pname, oid, oslug, title, created_at = row
    tenant = Tenant(
        EnvironmentInfo(eid, eslug, EnvironmentType(kind)),
        ProjectInfo(pid, pslug, pname),
        OrganizationInfo(oid, oslug, title),
    )
    return EnvironmentRow(number, tenant, from_ms(created_at))
