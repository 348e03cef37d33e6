"""The statuses of runs, tasks, attempts, events and executions; each member says what leaves it."""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    """Where a run stands. The names are those of the wire protocol.

    ``PENDING``, ``STARTED`` and ``PREPROCESSING`` are understood but never produced.
    """

    PENDING = "PENDING"
    """Created; ``start_run`` queues it."""
    WAITING_ON_CONNECTIONS = "WAITING_ON_CONNECTIONS"
    """An execution found no connection of a hosted integration; ``queue_some_unconnected`` leaves it when one comes."""
    PREPROCESSING = "PREPROCESSING"
    """Legacy; ``claim`` leaves it."""
    QUEUED = "QUEUED"
    """In line for its first execution; ``claim`` leaves it."""
    STARTED = "STARTED"
    """Legacy; ``claim`` leaves it. Old clients see it in place of the three that follow."""
    EXECUTING = "EXECUTING"
    """An execution holds it; the execution's result, or the loss of its lease, leaves it."""
    WAITING_TO_CONTINUE = "WAITING_TO_CONTINUE"
    """Every branch waits; ``wake`` leaves it when one of its waits is over."""
    WAITING_TO_EXECUTE = "WAITING_TO_EXECUTE"
    """In line for another execution; ``claim`` leaves it."""
    SUCCESS = "SUCCESS"
    """Final."""
    FAILURE = "FAILURE"
    """Final; ``continue_run`` may queue it again."""
    TIMED_OUT = "TIMED_OUT"
    """Final; ``continue_run`` may queue it again."""
    ABORTED = "ABORTED"
    """Final; ``continue_run`` may queue it again."""
    CANCELED = "CANCELED"
    """Final; ``continue_run`` may queue it again."""
    UNRESOLVED_AUTH = "UNRESOLVED_AUTH"
    """Final; ``continue_run`` may queue it again."""
    INVALID_PAYLOAD = "INVALID_PAYLOAD"
    """Final; ``continue_run`` may queue it again."""

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self in FINAL_RUN_STATUSES


FINAL_RUN_STATUSES = frozenset(
    {
        RunStatus.SUCCESS,
        RunStatus.FAILURE,
        RunStatus.TIMED_OUT,
        RunStatus.ABORTED,
        RunStatus.CANCELED,
        RunStatus.UNRESOLVED_AUTH,
        RunStatus.INVALID_PAYLOAD,
    }
)


class TaskStatus(StrEnum):
    """Where a task stands."""

    PENDING = "PENDING"
    """Created, not begun; ``begin`` leaves it."""
    WAITING = "WAITING"
    """Waits for a time, an event or a request; ``complete_if_waiting`` or a retry coming due leaves it."""
    RUNNING = "RUNNING"
    """Its body, or the engine's operation for it, is at work; its outcome leaves it."""
    COMPLETED = "COMPLETED"
    """Final: the result is recorded and never changes."""
    ERRORED = "ERRORED"
    """Final; ``continue_run`` sets it back to RUNNING."""
    CANCELED = "CANCELED"
    """Final; ``continue_run`` revives it."""

    @property
    def is_final(self) -> bool:
        """Whether the task has its outcome."""
        return self in FINAL_TASK_STATUSES


FINAL_TASK_STATUSES = frozenset({TaskStatus.COMPLETED, TaskStatus.ERRORED, TaskStatus.CANCELED})


class EventStatus(StrEnum):
    """Where an event record stands."""

    PENDING = "PENDING"
    """Stored, its delivery lies ahead; ``deliver_if_pending`` or ``cancel_if_pending`` leaves it."""
    DELIVERED = "DELIVERED"
    """Final: matched against the dispatchers, also when none matched."""
    CANCELLED = "CANCELLED"
    """Final: never delivered."""


class ExecutionStatus(StrEnum):
    """How an execution of a run ended; the members after EXECUTING are those of the answers to EXECUTE_JOB."""

    EXECUTING = "EXECUTING"
    """At work; its answer leaves it, or the loss of its lease."""
    SUCCESS = "SUCCESS"
    ERROR = "ERROR"
    INVALID_PAYLOAD = "INVALID_PAYLOAD"
    UNRESOLVED_AUTH_ERROR = "UNRESOLVED_AUTH_ERROR"
    RESUME_WITH_TASK = "RESUME_WITH_TASK"
    RESUME_WITH_PARALLEL_TASK = "RESUME_WITH_PARALLEL_TASK"
    RETRY_WITH_TASK = "RETRY_WITH_TASK"
    CANCELED = "CANCELED"
    YIELD_EXECUTION = "YIELD_EXECUTION"
    AUTO_YIELD_EXECUTION = "AUTO_YIELD_EXECUTION"
    AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK = "AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK"
    AUTO_YIELD_RATE_LIMIT = "AUTO_YIELD_RATE_LIMIT"
    LOST = "LOST"
    """Its host died or lost its lease; the run was put back in line."""
    UNREACHABLE = "UNREACHABLE"
    """No code could be reached for it; the run was put back in line."""


class EnvironmentType(StrEnum):
    """The four kinds of environment; their slugs are ``dev stg prod prev``."""

    DEVELOPMENT = "DEVELOPMENT"
    STAGING = "STAGING"
    PRODUCTION = "PRODUCTION"
    PREVIEW = "PREVIEW"
