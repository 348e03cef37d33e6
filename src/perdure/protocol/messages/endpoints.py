"""Endpoints: pinged, registered and indexed (v2 protocol, sections 3.3, 3.4, 3.12 and 4.12)."""

from __future__ import annotations

from typing import Literal, cast

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.messages.codec import decode_message
from perdure.protocol.messages.instant import Instant


class PingAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of PING; ``error`` is there when not ``ok``."""

    ok: bool
    error: str | UnsetType = UNSET
    trigger_version: str | UnsetType = UNSET
    trigger_sdk_version: str | UnsetType = UNSET


class ValidateAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of VALIDATE, which tells the endpoint's id."""

    ok: bool
    endpoint_id: str | UnsetType = UNSET
    error: str | UnsetType = UNSET


class ProbeBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of PROBE_EXECUTION_TIMEOUT: how many milliseconds to wait before the answer."""

    timeout: int | float = 900_000


class RegisterEndpointBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``POST /api/v1/endpoints``; the answer is an `EndpointRecord`."""

    url: str
    id: str


class IndexStats(Struct, frozen=True, kw_only=True, rename="camel"):
    """What an indexing found; ``jobs`` does not count internal ones."""

    jobs: int
    sources: int
    webhooks: int | UnsetType = UNSET
    dynamic_triggers: int
    dynamic_schedules: int
    disabled_jobs: int | UnsetType = UNSET
    http_endpoints: int | UnsetType = UNSET


class IndexFailureReason(Struct, frozen=True, kw_only=True, rename="camel"):
    """Why an indexing failed, in a sentence; ``raw`` is the full story."""

    message: str
    raw: Raw | UnsetType = UNSET


class IndexPending(Struct, frozen=True, kw_only=True, rename="camel", tag_field="status", tag="PENDING"):
    """The indexing is in line."""

    updated_at: Instant


class IndexStarted(Struct, frozen=True, kw_only=True, rename="camel", tag_field="status", tag="STARTED"):
    """The app has been asked for its index."""

    updated_at: Instant


class IndexSucceeded(Struct, frozen=True, kw_only=True, rename="camel", tag_field="status", tag="SUCCESS"):
    """The index is stored.

    Attributes:
        warnings: Native. What is stored otherwise than it was declared, as sentences.
    """

    stats: IndexStats
    updated_at: Instant

    # Native.
    warnings: list[str] | UnsetType = UNSET


class IndexFailed(Struct, frozen=True, kw_only=True, rename="camel", tag_field="status", tag="FAILURE"):
    """The indexing failed."""

    error: IndexFailureReason
    updated_at: Instant


EndpointIndexAnswer = IndexPending | IndexStarted | IndexSucceeded | IndexFailed
"""The answer of ``GET /api/v1/endpointindex/:id``."""


class EndpointIndexRecord(Struct, frozen=True, kw_only=True, rename="camel"):
    """An indexing, without what it read; also the answer of ``POST /api/v1/endpoints/:slug/index``.

    Attributes:
        warnings: Native. What is stored otherwise than it was declared, as sentences.
    """

    id: str
    status: Literal["PENDING", "STARTED", "SUCCESS", "FAILURE"]
    stats: IndexStats | UnsetType | None = UNSET
    error: IndexFailureReason | UnsetType | None = UNSET
    reason: str | UnsetType | None = UNSET
    created_at: Instant | UnsetType = UNSET
    updated_at: Instant | UnsetType = UNSET

    # Native.
    warnings: list[str] | UnsetType = UNSET


class EndpointRecord(Struct, frozen=True, kw_only=True, rename="camel"):
    """An endpoint as it is stored.

    Attributes:
        indexing_hook_identifier: The secret in the path of its deploy hook.
        version: The ``Trigger-Version`` it last answered with, or ``unknown``.
    """

    id: str
    slug: str
    url: str | None
    environment_id: str
    organization_id: str
    project_id: str
    created_at: Instant
    updated_at: Instant
    indexing_hook_identifier: str | None
    version: str
    sdk_version: str | UnsetType | None = UNSET
    endpoint_index: EndpointIndexRecord | UnsetType = UNSET


class IndexEndpointBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``POST /api/v1/endpoints/:slug/index``: why it is asked for."""

    reason: str | UnsetType = UNSET
    data: Raw | UnsetType = UNSET


def decode_endpoint_index(data: bytes) -> EndpointIndexAnswer:
    """Read how an indexing stands.

    Raises:
        JsonError: The text is not JSON.
        MessageShapeError: It is none of the answers.
    """
    return cast("EndpointIndexAnswer", decode_message(data, EndpointIndexAnswer))
