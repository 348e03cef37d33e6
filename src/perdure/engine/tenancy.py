"""The environment a node works for, with the project and organization that own it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from perdure.errors import InvalidArgumentError
from perdure.protocol.execution import EnvironmentInfo, OrganizationInfo, ProjectInfo, Tenant
from perdure.protocol.statuses import EnvironmentType
from perdure.storage import environments

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.protocol.ids import IdGenerator
    from perdure.storage.environments import EnvironmentRow
    from perdure.storage.interface import Session

DEFAULT_SLUG = "default"

MOST = 100
"""How many environments a project may have."""

_SLUG = re.compile("[a-z]{1,20}")
_TYPES = {
    "dev": EnvironmentType.DEVELOPMENT,
    "stg": EnvironmentType.STAGING,
    "prod": EnvironmentType.PRODUCTION,
    "prev": EnvironmentType.PREVIEW,
}


def default_tenant(slug: str, ids: IdGenerator, *, kind: EnvironmentType | None = None) -> Tenant:
    """Describe an environment of the default project, for the case that it does not exist.

    Args:
        slug: Its slug.
        ids: Makes ids.
        kind: What kind of environment it is; ``None``: that of the slug.

    Raises:
        InvalidArgumentError: The slug is none, or not one that says what kind of environment it is of.
    """
    if not _SLUG.fullmatch(slug):
        raise InvalidArgumentError(f"{slug!r:.60} is no name of an environment: 1 to 20 letters from a to z.")
    known = _TYPES.get(slug)
    if known is not None and kind not in (None, known):
        raise InvalidArgumentError(f"The environment {slug!r} is one of {known.lower()}.")
    kind = known if known is not None else kind
    if kind is None:
        raise InvalidArgumentError(
            f"There is no environment {slug!r}; PERDURE_ENVIRONMENT is one of {', '.join(_TYPES)}."
        )
    return Tenant(
        EnvironmentInfo(ids.new("env_"), slug, kind),
        ProjectInfo(ids.new("proj_"), DEFAULT_SLUG, "Default"),
        OrganizationInfo(ids.new("org_"), DEFAULT_SLUG, "Default"),
    )


async def open_tenant(tx: Session, wanted: Tenant, *, now: datetime) -> EnvironmentRow:
    """Look an environment up by its slugs, or create it."""
    project, slug = wanted.project.slug, wanted.environment.slug
    found = await environments.find_environment(tx, project=project, slug=slug)
    if found is None:
        await environments.create_missing(tx, tenant=wanted, now=now)
        found = await environments.find_environment(tx, project=project, slug=slug)
        assert found is not None
    return found
