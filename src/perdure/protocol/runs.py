"""Runs, as the platform shows them: one with a page of its tasks, or a page of runs."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from perdure.protocol.execution import ErrorInfo, JsonText
from perdure.protocol.state import StatusAnswer
from perdure.protocol.statuses import RunStatus, TaskStatus


class RunTaskAnswer(Struct, frozen=True, gc=False):
    """A task as ``get_run`` shows it."""

    id: str
    parent_id: str | None
    key: str | None
    name: str
    status: TaskStatus
    noop: bool
    operation: str
    params: JsonText | None
    output: JsonText | None
    error: ErrorInfo | None
    attempts: int
    details: JsonText | None
    output_properties: JsonText | None
    started_at: datetime
    completed_at: datetime | None
    delay_until: datetime | None


class RunAnswer(Struct, frozen=True, gc=False):
    """A run with one page of its tasks, in the order of their creation.

    ``why`` is why it is not running now. ``executions`` counts the executions begun. ``logs`` are the first 1,000
    log lines, which come with any page, as the run's statuses do. ``properties`` is a JSON array of what its app shows
    with it.
    """

    id: str
    status: RunStatus
    job_id: str
    version: str
    event_id: str
    created_at: datetime
    started_at: datetime | None
    updated_at: datetime
    completed_at: datetime | None
    output: JsonText | None
    error: ErrorInfo | None
    executions: int
    warnings: tuple[str, ...]
    why: str | None
    tasks: tuple[RunTaskAnswer, ...] = ()
    next_cursor: str | None = None
    logs: tuple[RunTaskAnswer, ...] = ()
    statuses: tuple[StatusAnswer, ...] = ()
    properties: JsonText = JsonText("[]")


class RunEnd(Struct, frozen=True, gc=False):
    """What a run that has ended came to."""

    id: str
    job_id: str
    status: RunStatus
    output: JsonText | None
    error: ErrorInfo | None

    @staticmethod
    def of(run: RunAnswer) -> RunEnd:
        """Say of a run that has ended what it came to."""
        return RunEnd(run.id, run.job_id, run.status, run.output, run.error)


class RunPageAnswer(Struct, frozen=True, gc=False):
    """A page of runs, without their tasks."""

    runs: tuple[RunAnswer, ...]
    next_cursor: str | None


class CancelAnswer(Struct, frozen=True, gc=False):
    """What came of cancelling several runs, by their ids; those that had ended are in neither list."""

    cancelled_run_ids: tuple[str, ...]
    failed_to_cancel_run_ids: tuple[str, ...]
