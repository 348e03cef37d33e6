"""Runs with their tasks, their log and their statuses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from perdure.protocol.statuses import RunStatus as RunState
from perdure.protocol.statuses import TaskStatus


class ErrorInfo(msgspec.Struct, frozen=True):
    """What a task or a run failed with.

    Attributes:
        name: The class name of the exception.
        message: Its message.
        stack: Its traceback as text, or ``None``.
    """

    name: str
    message: str
    stack: str | None = None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a run's log.

    Attributes:
        level: ``LOG``, ``DEBUG``, ``INFO``, ``WARN`` or ``ERROR``.
        message: The text.
        data: What was given with it, as JSON, or ``None``.
        created_at: When it was written.
    """

    level: str
    message: str
    data: Any
    created_at: datetime


class RunStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A status that a job shows to the outside while it runs.

    Attributes:
        key: The key it was created with.
        label: What is shown.
        state: ``loading``, ``success``, ``failure`` or ``None``.
        data: A JSON object, or ``None``.
        history: The earlier states of it, oldest first.
    """

    key: str
    label: str
    state: str | None
    data: Any
    history: tuple[RunStatus, ...] = ()


class RunTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task of a run.

    Attributes:
        id: The task's id.
        parent_id: The task in whose body it was asked for; ``None`` at the top of the run.
        key: The cache key as it is shown, or ``None``.
        name: What it is called.
        icon: The name of its icon, or ``None``.
        status: Where it stands.
        noop: Whether it has no body.
        operation: What was called, such as ``run_task`` or ``wait``.
        description: A line shown with it, or ``None``.
        params: What was given to it, as JSON, or ``None``.
        output: Its result as JSON; ``None`` also before it has one.
        error: What it failed with, or ``None``.
        attempts: How many attempts have begun.
        properties: What is shown with it: dicts with ``label``, ``text`` and maybe ``url``.
        style: How it is shown, a dict with ``style`` and maybe ``variant``, or ``None``.
        children: The tasks asked for in its body, if they were asked for (``subtasks=True``).
        warnings: Sentences about it.
        started_at: When it was first asked for.
        completed_at: When it had its outcome, or ``None``.
        delay_until: When it goes on, or ``None``.
    """

    id: str
    parent_id: str | None
    key: str | None
    name: str
    icon: str | None
    status: TaskStatus
    noop: bool
    operation: str
    description: str | None
    params: Any
    output: Any
    error: ErrorInfo | None
    attempts: int
    properties: tuple[dict[str, Any], ...]
    style: dict[str, Any] | None
    children: tuple[RunTask, ...]
    warnings: tuple[str, ...]
    started_at: datetime
    completed_at: datetime | None
    delay_until: datetime | None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run, with one page of its tasks.

    Attributes:
        id: The run's id.
        status: Where it stands.
        job_id: The job it is a run of.
        version: The version of that job when the run was created.
        started_at: When it was first executed, or ``None``.
        updated_at: When something of it last changed.
        completed_at: When it ended, or ``None``.
        output: What the job returned, as JSON; ``None`` also before.
        error: What it ended with, or ``None``.
        tasks: Its tasks at the top level in the order in which they were asked for, without log lines.
        logs: The first 1,000 lines of its log, oldest first, with every page.
        statuses: The statuses it shows to the outside.
        properties: What its app shows with it: dicts with ``label``, ``text`` and maybe ``url``.
        warnings: Sentences about it.
        why: Why it is not executed right now, or ``None``.
        next_cursor: The cursor of the next page of tasks, or ``None``.
    """

    id: str
    status: RunState
    job_id: str
    version: str
    started_at: datetime | None
    updated_at: datetime
    completed_at: datetime | None
    output: Any
    error: ErrorInfo | None
    tasks: tuple[RunTask, ...]
    logs: tuple[LogLine, ...]
    statuses: tuple[RunStatus, ...] = ()
    properties: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    why: str | None = None
    next_cursor: str | None = None

    def _repr_html_(self) -> str:
        from perdure.sdk.html import run_html

        return run_html(self)


class RunStatuses(msgspec.Struct, frozen=True, kw_only=True):
    """The statuses of a run.

    Attributes:
        run: The run, without its tasks and its log.
        statuses: Its statuses in the order of their creation.
    """

    run: Run
    statuses: tuple[RunStatus, ...]


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a job's runs.

    Attributes:
        runs: The runs, newest first, without their tasks.
        next_cursor: The cursor of the next page, or ``None``.
    """

    runs: tuple[Run, ...]
    next_cursor: str | None = None

    def _repr_html_(self) -> str:
        from perdure.sdk.html import page_html

        return page_html(self.runs)


class CancelResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of cancelling several runs.

    Attributes:
        cancelled_run_ids: The runs that were cancelled. Those that had ended stay as they are and are not listed.
        failed_to_cancel_run_ids: The runs that could not be cancelled, since the database took no writes just then.
    """

    cancelled_run_ids: tuple[str, ...]
    failed_to_cancel_run_ids: tuple[str, ...]
