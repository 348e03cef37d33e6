"""Endpoints, as they are registered and indexed (v2 protocol, section 4.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from perdure.api.answers import JsonAnswer
from perdure.api.refusals import Refusal
from perdure.api.routes import Route
from perdure.api.v2.shapes import instant, message_answer, not_found
from perdure.api.v2.tasks import read_message
from perdure.errors import NotFoundError, RunError
from perdure.protocol.messages.codec import encode_message
from perdure.protocol.messages.endpoints import (
    EndpointIndexAnswer,
    EndpointIndexRecord,
    EndpointRecord,
    IndexFailed,
    IndexFailureReason,
    IndexPending,
    IndexStats,
    IndexSucceeded,
    RegisterEndpointBody,
)
from perdure.protocol.messages.instant import Instant

if TYPE_CHECKING:
    from msgspec import UnsetType
    from starlette.responses import Response

    from perdure.api.calls import Call
    from perdure.engine.indexings import Indexing
    from perdure.protocol.endpoint import Index
    from perdure.storage.endpoints import EndpointRow

_INDEX = "index_"
_MOST_DIGITS = 15


async def register_endpoint(call: Call) -> Response:
    """Register an app: it is asked who it is and what it declares."""
    remote = call.remote
    body = await read_message(call, RegisterEndpointBody)
    try:
        row, indexing = await remote.endpoints.add(body.id, body.url)
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
            indexing_hook_identifier=remote.endpoints.lookout.hook(row.id),
            version=indexing.version,
            sdk_version=indexing.sdk_version,
            endpoint_index=_record(row, indexing),
        )
    )


async def index_endpoint(call: Call) -> Response:
    """Ask an app anew what it declares."""
    try:
        row, indexing = await call.remote.endpoints.try_to_index(call.part("endpoint_id"))
    except NotFoundError:
        raise not_found("Endpoint not found") from None
    return message_answer(_record(row, indexing))


async def get_indexing(call: Call) -> Response:
    """Look up what came of asking an app what it declares."""
    name = call.part("index_id").removeprefix(_INDEX)
    if not (name.isascii() and name.isdecimal() and len(name) <= _MOST_DIGITS):
        raise not_found("Index not found")
    try:
        found = await call.remote.endpoints.last_indexing(int(name))
    except NotFoundError:
        raise not_found("Index not found") from None
    return JsonAnswer(encode_message(_outcome(found, call)))


def _outcome(indexing: Indexing | None, call: Call) -> EndpointIndexAnswer:
    if indexing is None:
        return IndexPending(updated_at=Instant.of(call.access.environment.created_at))
    if indexing.index is None:
        return IndexFailed(error=IndexFailureReason(message=indexing.error), updated_at=Instant.of(indexing.at))
    return IndexSucceeded(
        stats=_stats(indexing.index), updated_at=Instant.of(indexing.at), warnings=_warnings(indexing.index)
    )


def _record(row: EndpointRow, indexing: Indexing) -> EndpointIndexRecord:
    index = indexing.index
    return EndpointIndexRecord(
        id=f"{_INDEX}{row.number}",
        status="FAILURE" if index is None else "SUCCESS",
        stats=UNSET if index is None else _stats(index),
        error=IndexFailureReason(message=indexing.error) if index is None else UNSET,
        created_at=Instant.of(indexing.at),
        updated_at=Instant.of(indexing.at),
        warnings=UNSET if index is None else _warnings(index),
    )


def _warnings(index: Index) -> list[str] | UnsetType:
    return list(index.warnings) if index.warnings else UNSET


def _stats(index: Index) -> IndexStats:
    return IndexStats(
        jobs=sum(job.enabled and not job.internal for job in index.jobs),
        sources=sum(not source.is_webhook for source in index.sources),
        webhooks=sum(source.is_webhook for source in index.sources),
        dynamic_triggers=len(index.dynamic_triggers),
        dynamic_schedules=len(index.dynamic_schedules),
        disabled_jobs=sum(not job.enabled for job in index.jobs) + len(index.gone),
        http_endpoints=len(index.http_endpoints),
    )


ROUTES = (
    Route(
        method="POST", path="/api/v1/endpoints", handler=register_endpoint,
        summary="Register an app that is behind a URL", body=RegisterEndpointBody, answer=EndpointRecord,
        errors=(400,), has_v2_form=True,
    ),
    Route(
        method="POST", path="/api/v1/endpoints/{endpoint_id}/index", handler=index_endpoint,
        summary="Ask an app anew what it declares", answer=EndpointIndexRecord, errors=(404,), has_v2_form=True,
    ),
    Route(
        method="GET", path="/api/v1/endpointindex/{index_id}", handler=get_indexing,
        summary="Look up what came of asking an app what it declares", answer=EndpointIndexAnswer, errors=(404,),
        has_v2_form=True,
    ),
)  # fmt: skip
