"""Outcomes of an execution: the answers of EXECUTE_JOB, told apart by ``status`` (v2 protocol, section 3.6)."""

from __future__ import annotations

from typing import cast

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.messages.codec import decode_message
from perdure.protocol.messages.display import DisplayProperty
from perdure.protocol.messages.errors import ErrorWithStack
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.tasks import ServerTask


class SchemaIssue(Struct, frozen=True, kw_only=True, rename="camel"):
    """One place where a payload does not fit the job's schema."""

    path: list[str]
    message: str


class AuthIssue(Struct, frozen=True, kw_only=True, rename="camel"):
    """Why an integration, named by its ``id``, has no credential."""

    id: str
    error: str


class AutoYieldData(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where and when an execution ran out of its time.

    Attributes:
        location: The name of a point in the life of a task, such as ``start_task``.
        time_remaining: Milliseconds.
        time_elapsed: Milliseconds.
        limit: Milliseconds that the execution was given.
    """

    location: str
    time_remaining: int | float
    time_elapsed: int | float
    limit: int | float | UnsetType = UNSET


class RunJobOutcome(Struct, frozen=True, kw_only=True, rename="camel", tag_field="status"):
    """What every outcome may carry.

    Attributes:
        warnings: Native. Sentences for whoever looks at the run.
    """

    # Native.
    warnings: list[str] | UnsetType = UNSET


class RunJobSuccess(RunJobOutcome, frozen=True, kw_only=True, tag="SUCCESS"):
    """The run ended; ``output`` is absent when it returned undefined."""

    output: Raw | UnsetType = UNSET


class RunJobError(RunJobOutcome, frozen=True, kw_only=True, tag="ERROR"):
    """The run failed; with ``task``, because that task did."""

    error: ErrorWithStack
    task: ServerTask | UnsetType = UNSET


class RunJobInvalidPayload(RunJobOutcome, frozen=True, kw_only=True, tag="INVALID_PAYLOAD"):
    """The payload does not fit the job's schema."""

    errors: list[SchemaIssue]


class RunJobUnresolvedAuth(RunJobOutcome, frozen=True, kw_only=True, tag="UNRESOLVED_AUTH_ERROR"):
    """Integrations, by their key in the job, have no credential."""

    issues: dict[str, AuthIssue]


class RunJobResumeWithTask(RunJobOutcome, frozen=True, kw_only=True, tag="RESUME_WITH_TASK"):
    """The run waits for a task."""

    task: ServerTask


class RunJobRetryWithTask(RunJobOutcome, frozen=True, kw_only=True, tag="RETRY_WITH_TASK"):
    """A task failed and is to be tried again."""

    task: ServerTask
    error: ErrorWithStack
    retry_at: Instant


class RunJobCanceled(RunJobOutcome, frozen=True, kw_only=True, tag="CANCELED"):
    """The app learnt from a task that the run is cancelled."""

    task: ServerTask


class RunJobYield(RunJobOutcome, frozen=True, kw_only=True, tag="YIELD_EXECUTION"):
    """Job code asked for another execution at once; the key tells it that it has."""

    key: str


class RunJobAutoYield(RunJobOutcome, frozen=True, kw_only=True, tag="AUTO_YIELD_EXECUTION"):
    """The execution ran out of its time; the members are those of `AutoYieldData`."""

    location: str
    time_remaining: int | float
    time_elapsed: int | float
    limit: int | float | UnsetType = UNSET


class RunJobAutoYieldWithTask(RunJobOutcome, frozen=True, kw_only=True, tag="AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK"):
    """The execution ran out of its time before it could report a task as completed.

    Attributes:
        id: The task's id.
        output: JSON text; absent when the task returned undefined.
    """

    id: str
    properties: list[DisplayProperty] | UnsetType = UNSET
    output: str | UnsetType = UNSET
    data: AutoYieldData


class RunJobRateLimited(RunJobOutcome, frozen=True, kw_only=True, tag="AUTO_YIELD_RATE_LIMIT"):
    """The app was refused with 429; ``reset`` is when to go on, in Unix time in milliseconds."""

    reset: int | float


RunJobBranchOutcome = (
    RunJobError
    | RunJobInvalidPayload
    | RunJobUnresolvedAuth
    | RunJobResumeWithTask
    | RunJobRetryWithTask
    | RunJobCanceled
    | RunJobYield
    | RunJobAutoYield
    | RunJobAutoYieldWithTask
    | RunJobRateLimited
)
"""How one branch of a parallel block stopped."""


class RunJobResumeWithParallelTask(RunJobOutcome, frozen=True, kw_only=True, tag="RESUME_WITH_PARALLEL_TASK"):
    """Branches of a parallel block stopped, each for a reason of its own; ``task`` is the block's."""

    task: ServerTask
    child_errors: list[RunJobBranchOutcome]


RunJobResponse = RunJobBranchOutcome | RunJobSuccess | RunJobResumeWithParallelTask
"""The answer of EXECUTE_JOB."""


def decode_run_job_response(data: bytes) -> RunJobResponse:
    """Read the answer of EXECUTE_JOB.

    Raises:
        JsonError: The text is not JSON.
        MessageShapeError: It is none of the answers.
    """
    return cast("RunJobResponse", decode_message(data, RunJobResponse))
