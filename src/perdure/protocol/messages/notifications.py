"""What is told to whoever listens for the end of a run (v2 protocol, sections 3.13 and 6.10)."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.run_statuses import JobRunStatusRecord
from perdure.protocol.messages.tenancy import (
    AccountReference,
    EnvironmentReference,
    JobReference,
    OrganizationReference,
    ProjectReference,
)
from perdure.protocol.statuses import RunStatus, TaskStatus


class RunInvocation(Struct, frozen=True, kw_only=True, rename="camel"):
    """The event that started the run; ``id`` is that of its record."""

    id: str
    context: Raw
    timestamp: Instant
    payload: Raw


class NotifiedTask(Struct, frozen=True, kw_only=True, rename="camel"):
    """The task that failed last.

    Attributes:
        id: Its idempotency key.
        cache_key: Its display key.
        error: Its output.
    """

    id: str
    cache_key: str | None
    status: TaskStatus
    name: str
    icon: str | None
    started_at: Instant | None
    error: Raw | UnsetType = UNSET
    params: Raw | UnsetType = UNSET


class RunNotification(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of RUN_NOTIFICATION and of the POST to a callback URL.

    Attributes:
        ok: The status is SUCCESS.
        execution_duration_in_ms: Milliseconds spent executing.
        output: Present when ``ok``, unless the run returned undefined.
        error: Present when not ``ok``: what the run ended with.
        task: Present when a task of it failed.
    """

    id: str
    ok: bool
    status: RunStatus
    started_at: Instant | None
    updated_at: Instant | None
    completed_at: Instant | None
    is_test: bool
    execution_duration_in_ms: int | float
    execution_count: int
    job: JobReference
    statuses: list[JobRunStatusRecord]
    environment: EnvironmentReference
    organization: OrganizationReference
    project: ProjectReference
    account: AccountReference | UnsetType = UNSET
    invocation: RunInvocation
    output: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    task: NotifiedTask | UnsetType = UNSET


class NotifiedStatus(Struct, frozen=True):
    """What became of the run, of all that a `RunNotification` says."""

    status: RunStatus
