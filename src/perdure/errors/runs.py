"""Runs and events: those that are asked for, and those that end badly."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.errors.base import RunError


class InvokedRunFailedError(RunError):
    """An invoked run did not succeed.

    Attributes:
        run_id: The id of the run that was invoked.
        status: Its final status.
        error: What it ended with, or ``None``.
        results: The `RunNotification` of every run of a batch, in order; empty for a single run.
    """

    code = "invoked_run_failed"

    def __init__(
        self,
        message: str | None = None,
        *,
        run_id: str = "",
        status: str = "",
        error: object | None = None,
        results: Sequence[object] = (),
    ) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.status = status
        self.error = error
        self.results = tuple(results)


class NotFoundError(RunError):
    """There is nothing with that id in this environment."""

    code = "not_found"


class JobDisabledError(RunError):
    """The app of the job declares it no more, so there is nobody to execute a run of it."""

    code = "job_disabled"


class AlreadyDeliveredError(RunError):
    """The event was delivered before it could be cancelled."""

    code = "already_delivered"


class CannotContinueError(RunError):
    """Only a run that has ended without success can go on."""

    code = "cannot_continue"


class WriteRefusedError(RunError):
    """The server refuses to store what the run does; it would refuse it again, so nothing is tried again."""

    code = "write_refused"


class RunQuarantinedError(RunError):
    """Executions of the run ended with the death of their process, so often in a row that it is not executed again."""

    code = "run_quarantined"


class RunTimedOutError(RunError):
    """The run got nowhere, or has had the time that PERDURE_MAX_RUN_DURATION allows a run."""

    code = "run_timed_out"
