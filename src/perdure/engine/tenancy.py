"""The environment a node works for, with the project and organization that own it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import InvalidArgumentError
from perdure.protocol.execution import EnvironmentInfo, OrganizationInfo, ProjectInfo, Tenant
from perdure.protocol.statuses import EnvironmentType
from perdure.storage import environments

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.protocol.ids import IdGenerator
    from perdure.storage.interface import Session

DEFAULT_SLUG = "default"

_TYPES = {
    "dev": EnvironmentType.DEVELOPMENT,
    "stg": EnvironmentType.STAGING,
    "prod": EnvironmentType.PRODUCTION,
    "prev": EnvironmentType.PREVIEW,
}


def default_tenant(slug: str, ids: IdGenerator) -> Tenant:
    """Describe an environment of the default project, for the case that it does not exist.

    Raises:
        InvalidArgumentError: There is no environment of that name.
    """
    kind = _TYPES.get(slug)
    if kind is None:
        raise InvalidArgumentError(
            f"There is no environment {slug!r}; PERDURE_ENVIRONMENT is one of {', '.join(_TYPES)}."
        )
    return Tenant(
        EnvironmentInfo(ids.new("env_"), slug, kind),
        ProjectInfo(ids.new("proj_"), DEFAULT_SLUG, "Default"),
        OrganizationInfo(ids.new("org_"), DEFAULT_SLUG, "Default"),
    )


async def open_tenant(tx: Session, wanted: Tenant, *, now: datetime) -> tuple[int, Tenant]:
    """Look an environment up by its slugs, or create it; its number and who owns it."""
    project, slug = wanted.project.slug, wanted.environment.slug
    found = await environments.find_tenant(tx, project=project, slug=slug)
    if found is None:
        await environments.create_missing(tx, tenant=wanted, now=now)
        found = await environments.find_tenant(tx, project=project, slug=slug)
        assert found is not None
    return found
