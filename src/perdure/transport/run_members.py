"""What every body that is about a run says of it (v2 protocol, sections 3.6 and 3.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Raw, UnsetType

from perdure.protocol.messages.events import ApiEventLog
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.tenancy import (
    AccountReference,
    EnvironmentReference,
    JobReference,
    OrganizationReference,
)

if TYPE_CHECKING:
    from perdure.protocol.execution import ExecutionRequest


def run_members(request: ExecutionRequest) -> dict[str, Any]:
    """Make the members, all but the run itself, which bodies describe each in their way."""
    event, account = request.event, request.account
    environment, organization = request.tenant.environment, request.tenant.organization
    return {
        "event": ApiEventLog(
            id=event.id,
            name=event.name,
            payload=Raw(event.payload.encode()),
            context=Raw(event.context.encode()),
            timestamp=Instant.of(event.timestamp),
        ),
        "job": JobReference(id=request.job.id, version=request.job.version),
        "environment": EnvironmentReference(id=environment.id, slug=environment.slug, type=environment.type),
        "organization": OrganizationReference(id=organization.id, slug=organization.slug, title=organization.title),
        "account": UNSET
        if account is None
        else AccountReference(id=account.id, metadata=raw_or_unset(account.metadata)),
    }


def raw_or_unset(text: str | None) -> Raw | UnsetType:
    """Give JSON as it stands; nothing, if there is none."""
    return UNSET if text is None else Raw(text.encode())
