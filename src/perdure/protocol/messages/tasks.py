"""Tasks: created, completed, failed and sent back (v2 protocol, sections 4.2 and 5)."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.messages.display import DisplayProperty, PartialDisplayProperty, Style
from perdure.protocol.messages.errors import ErrorWithStack
from perdure.protocol.messages.instant import Instant
from perdure.protocol.statuses import TaskStatus


class TaskOperation(StrEnum):
    """What the engine does for a task in place of the app (section 7)."""

    FETCH = "fetch"
    FETCH_RESPONSE = "fetch-response"
    FETCH_POLL = "fetch-poll"


class RetryOptions(Struct, frozen=True, kw_only=True, rename="camel"):
    """How often and when a task is tried again (section 6.9).

    Attributes:
        limit: All attempts, the first included.
        min_timeout_in_ms: Milliseconds.
        max_timeout_in_ms: Milliseconds.
    """

    limit: int | float | UnsetType = UNSET
    factor: int | float | UnsetType = UNSET
    min_timeout_in_ms: int | float | UnsetType = UNSET
    max_timeout_in_ms: int | float | UnsetType = UNSET
    randomize: bool | UnsetType = UNSET


class CallbackOptions(Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether a task waits for a request, and for how many seconds; 0 or less: for ever (section 8.1)."""

    enabled: bool = False
    timeout_in_seconds: int | float = 3600


class RedactOptions(Struct, frozen=True, kw_only=True, rename="camel"):
    """Dotted paths into the output that no page shows (section 14)."""

    paths: list[str]


class CreateTaskBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``POST /api/v1/runs/:runId/tasks``; the answer is a `CreateTaskAnswer`.

    Attributes:
        idempotency_key: 64 hex digits, also sent as the header ``Idempotency-Key``.
        display_key: The cache key, when it was a plain string.
        noop: Nothing is executed; the task is complete as soon as its time has come.
        delay_until: ``None`` is a date that is none, which v2 takes for one that is past.
        connection_key: Key of the integration among those of the job.
        parallel: Its children run concurrently.
        id: Native. The task's id, when the app has chosen it.
    """

    idempotency_key: str
    display_key: str | UnsetType = UNSET
    noop: bool = False
    name: str | UnsetType = UNSET
    icon: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    parent_id: str | UnsetType = UNSET
    delay_until: Instant | UnsetType | None = UNSET
    params: Raw | UnsetType = UNSET
    operation: TaskOperation | UnsetType = UNSET
    callback: CallbackOptions | UnsetType = UNSET
    retry: RetryOptions | UnsetType = UNSET
    properties: list[PartialDisplayProperty] | UnsetType = UNSET
    style: Style | UnsetType = UNSET
    redact: RedactOptions | UnsetType = UNSET
    connection_key: str | UnsetType = UNSET
    parallel: bool | UnsetType = UNSET

    # Native.
    id: str | UnsetType = UNSET


class ServerTask(Struct, frozen=True, kw_only=True, rename="camel"):
    """A task as the engine sends it, and as an app echoes it in the answer to an execution.

    Attributes:
        attempts: Attempts begun.
        output: Absent when the task returned undefined; for an ERRORED task its error, never absent
            (section 18, row 12).
        force_yield: The app should end its execution now.
    """

    id: str
    name: str
    icon: str | UnsetType | None = UNSET
    noop: bool
    started_at: Instant | UnsetType | None = UNSET
    completed_at: Instant | UnsetType | None = UNSET
    delay_until: Instant | UnsetType | None = UNSET
    status: TaskStatus
    description: str | UnsetType | None = UNSET
    params: Raw | UnsetType = UNSET
    output: Raw | UnsetType = UNSET
    context: Raw | UnsetType = UNSET
    properties: list[DisplayProperty] | UnsetType | None = UNSET
    output_properties: list[DisplayProperty] | UnsetType | None = UNSET
    style: Style | UnsetType | None = UNSET
    error: str | UnsetType | None = UNSET
    parent_id: str | UnsetType | None = UNSET
    attempts: int
    idempotency_key: str
    operation: str | UnsetType | None = UNSET
    callback_url: str | UnsetType | None = UNSET
    force_yield: bool | UnsetType | None = UNSET
    child_execution_mode: Literal["SEQUENTIAL", "PARALLEL"] | UnsetType | None = UNSET


class CachedTask(Struct, frozen=True, kw_only=True, rename="camel"):
    """A task that need not be executed again.

    Attributes:
        id: A v2 server puts the idempotency key here too.
        output: Absent when the task returned undefined.
    """

    id: str
    idempotency_key: str
    status: TaskStatus
    noop: bool = False
    output: Raw | UnsetType = UNSET
    parent_id: str | UnsetType | None = UNSET


class CachedTasksPage(Struct, frozen=True, kw_only=True, rename="camel"):
    """Some more cached tasks; ``cursor`` is absent on the last page."""

    tasks: list[CachedTask]
    cursor: str | UnsetType = UNSET


class CreateTaskAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to a created task; it must carry the header ``trigger-version``.

    An app that sent no ``Trigger-Version`` gets the plain `ServerTask` instead.
    """

    task: ServerTask
    cached_tasks: CachedTasksPage | UnsetType = UNSET


class CompleteTaskBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``POST /api/v1/runs/:runId/tasks/:id/complete``, sent with ``Trigger-Version: 2023-11-01``.

    Attributes:
        output: JSON text; absent when the task returned undefined.
    """

    output: str | UnsetType = UNSET
    properties: list[DisplayProperty] | UnsetType = UNSET
    description: str | UnsetType = UNSET
    params: Raw | UnsetType = UNSET


class CompleteTaskRawBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of the same route without the version header; an absent ``output`` means ``{}``."""

    output: Raw | UnsetType = UNSET
    properties: list[DisplayProperty] | UnsetType = UNSET
    description: str | UnsetType = UNSET
    params: Raw | UnsetType = UNSET


class FailTaskBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``POST /api/v1/runs/:runId/tasks/:id/fail``."""

    error: ErrorWithStack
