"""What an app is told when a run has ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from perdure.protocol.execution import JobRef
from perdure.protocol.statuses import RunStatus as RunState
from perdure.protocol.statuses import TaskStatus
from perdure.sdk.context import AccountInfo
from perdure.sdk.records.runs import ErrorInfo, RunStatus


class NotifiedRun(msgspec.Struct, frozen=True, kw_only=True):
    """The run that a notification is about.

    Attributes:
        id: The run's id.
        is_test: Whether it was started as a test.
        started_at: When it was first executed, or ``None``.
        updated_at: When something of it last changed.
        completed_at: When it ended.
        executions: How many executions of it have begun.
        execution_time: How long it was executed in all.
    """

    id: str
    is_test: bool
    started_at: datetime | None
    updated_at: datetime | None
    completed_at: datetime | None
    executions: int
    execution_time: timedelta


class NotifiedTask(msgspec.Struct, frozen=True, kw_only=True):
    """The task of a run that failed last.

    Attributes:
        idempotency_key: Its idempotency key.
        key: The cache key as it is shown, or ``None``.
        name: What it is called.
        icon: The name of its icon, or ``None``.
        status: ``ERRORED``.
        started_at: When it was first asked for.
        error: What it failed with; ``None`` if it only ended with the run.
        params: What was given to it, as JSON, or ``None``.
    """

    idempotency_key: str
    key: str | None
    name: str
    icon: str | None
    status: TaskStatus
    started_at: datetime | None
    error: ErrorInfo | None
    params: Any


class NotifiedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The event that started the run.

    Attributes:
        id: The sender's id; one that perdure made for an invocation.
        payload: Its payload, as JSON.
        context: Its context, as JSON.
        timestamp: When it happened.
    """

    id: str
    payload: Any
    context: Any
    timestamp: datetime


class RunNotification(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a run that has ended.

    Attributes:
        ok: Whether it succeeded.
        status: The status it ended with.
        run: The run: ``id``, ``started_at``, ``completed_at``, ….
        job: ``id`` and ``version`` of its job.
        output: What it returned, decoded as the job's annotation says where the job's code is at hand, else as JSON.
        error: What it ended with; ``None`` if it succeeded or was cancelled.
        task: The task of it that failed last, or ``None``.
        event: The event that started it.
        account: The external account it concerns: ``id`` and ``metadata``, or ``None``.
        statuses: The statuses it shows to the outside.

    See also: v2 protocol, section 6.10.
    """

    ok: bool
    status: RunState
    run: NotifiedRun
    job: JobRef
    output: Any
    error: ErrorInfo | None
    task: NotifiedTask | None
    event: NotifiedEvent
    account: AccountInfo | None
    statuses: tuple[RunStatus, ...]
