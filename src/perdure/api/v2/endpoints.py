"""Endpoints, as they are registered and indexed, and whom a key belongs to (v2 protocol, sections 4.11 and 4.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from perdure.api.refusals import Refusal
from perdure.api.routes import Route
from perdure.api.v2.shapes import instant, message_answer, not_found
from perdure.api.v2.tasks import read_message
from perdure.errors import NotFoundError, RunError
from perdure.protocol.messages.endpoints import (
    EndpointIndexRecord,
    EndpointRecord,
    IndexStats,
    RegisterEndpointBody,
)
from perdure.protocol.messages.headers import LAZY_CACHED_TASKS_VERSION

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call
    from perdure.protocol.endpoint import Index


async def register_endpoint(call: Call) -> Response:
    """Register an app: it is asked who it is and what it declares."""
    remote = call.remote
    body = await read_message(call, RegisterEndpointBody)
    try:
        row, index = await remote.endpoints.add(body.id, body.url)
    except RunError as error:
        # Clients look at the sentence, and ask again if nobody could be reached.
        raise Refusal(422 if error.code == "blocked_address" else 400, error.code, error.message) from error
    tenant = remote.tenant
    return message_answer(
        EndpointRecord(
            id=f"endpoint_{row.number}",
            slug=row.id,
            url=row.url,
            environment_id=tenant.environment.id,
            organization_id=tenant.organization.id,
            project_id=tenant.project.id,
            created_at=instant(row.created_at),
            updated_at=instant(row.updated_at),
            indexing_hook_identifier=None,
            version=LAZY_CACHED_TASKS_VERSION,
            endpoint_index=_indexed(row.id, index),
        )
    )


async def index_endpoint(call: Call) -> Response:
    """Ask an app anew what it declares."""
    endpoint_id = call.part("endpoint_id")
    try:
        index = await call.remote.endpoints.index(endpoint_id)
    except NotFoundError:
        raise not_found("Endpoint not found") from None
    except RunError as error:
        raise Refusal(400, error.code, error.message) from error
    return message_answer(_indexed(endpoint_id, index))


def _indexed(endpoint_id: str, index: Index) -> EndpointIndexRecord:
    stats = IndexStats(
        jobs=len(index.jobs),
        sources=0,
        dynamic_triggers=0,
        dynamic_schedules=len(index.dynamic_schedules),
        disabled_jobs=sum(not job.enabled for job in index.jobs),
        http_endpoints=len(index.http_endpoints),
    )
    return EndpointIndexRecord(id=f"index_{endpoint_id}", status="SUCCESS", stats=stats, error=UNSET)


ROUTES = (
    Route(
        method="POST", path="/api/v1/endpoints", handler=register_endpoint,
        summary="Register an app that is behind a URL", body=RegisterEndpointBody, answer=EndpointRecord,
        errors=(400,), has_v2_form=True,
    ),
    Route(
        method="POST", path="/api/v1/endpoints/{endpoint_id}/index", handler=index_endpoint,
        summary="Ask an app anew what it declares", answer=EndpointIndexRecord, errors=(400, 404), has_v2_form=True,
    ),
)  # fmt: skip
