"""What an execution may no longer do."""

from __future__ import annotations

from perdure.errors.base import PerdureError


class ExecutionError(PerdureError):
    """An execution asked for something it may no longer do."""

    code = "execution_error"


class StaleExecutionError(ExecutionError):
    """A newer execution of this run has begun; what this one writes is refused."""

    code = "stale_execution"


class RunNotActiveError(ExecutionError):
    """The run has ended or was cancelled."""

    code = "run_not_active"


class IdempotencyConflictError(ExecutionError):
    """The same idempotency key was used before for another operation or name."""

    code = "idempotency_conflict"


class AlreadyCompletedError(ExecutionError):
    """The task has another result already, which stays."""

    code = "already_completed"
