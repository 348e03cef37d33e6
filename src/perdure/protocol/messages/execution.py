"""Executions: the run that the engine hands to an app (v2 protocol, section 3.6); `outcomes` has what comes back."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.execution import TaskState
from perdure.protocol.messages.auth import ConnectionAuth
from perdure.protocol.messages.events import ApiEventLog
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.tasks import CachedTask
from perdure.protocol.messages.tenancy import (
    AccountReference,
    EnvironmentReference,
    JobReference,
    OrganizationReference,
    ProjectReference,
    SourceReference,
)
from perdure.protocol.statuses import TaskStatus


class ExecutedRun(Struct, frozen=True, kw_only=True, rename="camel"):
    """The run; ``started_at`` is the start of this execution, ``is_retry`` is always false."""

    id: str
    is_test: bool
    is_retry: bool = False
    started_at: Instant


class AutoYieldConfig(Struct, frozen=True, kw_only=True, rename="camel"):
    """Milliseconds that must be left at each point; clients of v2 go by numbers of their own."""

    start_task_threshold: int | float
    before_execute_task_threshold: int | float
    before_complete_task_threshold: int | float
    after_complete_task_threshold: int | float


class KnownTask(Struct, frozen=True, kw_only=True, rename="camel"):
    """Native. A task that a suspended run waits for, as it is now.

    Attributes:
        attempts: Attempts begun.
        delay_until: When it is due, if it waits for a time.
        output: What it came to: its output, or the error it ended with.
    """

    id: str
    idempotency_key: str
    status: TaskStatus
    attempts: int
    parent_id: str | UnsetType = UNSET
    delay_until: Instant | UnsetType = UNSET
    output: Raw | UnsetType = UNSET


class RunJobBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of EXECUTE_JOB; the answer is an `outcomes.RunJobResponse`.

    Attributes:
        tasks: Completed tasks that are no noop.
        cached_task_cursor: Present when not all of them fitted.
        noop_tasks_set: Bloom filter of the completed noop tasks' idempotency keys, in base64.
        connections: Credentials kept by the server, by key of the integration.
        yielded_executions: Keys given to ``io.yield`` so far.
        run_chunk_execution_limit: Milliseconds this execution may take; absent or 0: no limit, and the client
            never yields by itself.
        epoch: Native. The number of this execution; what it writes must name it.
        known_tasks: Native. With ``resumed``, the tasks that the run waits for.
        resumed: Native. The run was suspended and goes on, where its host still holds it.
        stored_tasks: Native. All tasks of the run, or, if it is ``resumed``, those that it waits for, in place of the
            other members that tell of tasks. The execution stores what it does by batches.
    """

    event: ApiEventLog
    job: JobReference
    run: ExecutedRun
    environment: EnvironmentReference
    organization: OrganizationReference
    project: ProjectReference | UnsetType = UNSET
    account: AccountReference | UnsetType = UNSET
    source: SourceReference | UnsetType = UNSET
    connections: dict[str, ConnectionAuth] | UnsetType = UNSET
    tasks: list[CachedTask] | UnsetType = UNSET
    cached_task_cursor: str | UnsetType = UNSET
    noop_tasks_set: str | UnsetType = UNSET
    yielded_executions: list[str] | UnsetType = UNSET
    run_chunk_execution_limit: int | float | UnsetType = UNSET
    auto_yield_config: AutoYieldConfig | UnsetType = UNSET

    # Native.
    epoch: int | UnsetType = UNSET
    known_tasks: list[KnownTask] | UnsetType = UNSET
    resumed: bool | UnsetType = UNSET
    stored_tasks: list[TaskState] | UnsetType = UNSET


class RunMetadata(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The JSON in the header ``x-trigger-run-metadata``: which outcomes of the run the app listens for."""

    success_subscription: bool = False
    failed_subscription: bool = False
