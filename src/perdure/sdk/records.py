"""What calls outside and inside a run give back: frozen records with aware datetimes, and JSON as Python values.

``answers`` makes them of what the platform answers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec

from perdure.protocol.execution import JobRef
from perdure.protocol.statuses import RunStatus as RunState
from perdure.protocol.statuses import TaskStatus
from perdure.sdk.context import AccountInfo

T = TypeVar("T")


class Event(msgspec.Struct, frozen=True):
    """An event to send, for ``send_events``.

    Attributes:
        name: 1–512 characters without control characters.
        payload: A JSON value, a model, …; of at most 512 KiB as JSON. Default ``{}``.
        id: Names the event: the same id again is the same event. Default: a new one.
        context: A JSON value handed on as ``ctx.event.context``. Default ``{}``.
        source: Default ``trigger.dev``, which event triggers listen to unless told otherwise.
        timestamp: When it happened, an aware ``datetime``; default: now.

    See also: v2 protocol, section 4.1.
    """

    name: str
    payload: Any = None
    id: str | None = None
    context: Any = None
    source: str | None = None
    timestamp: datetime | None = None


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was sent.

    Attributes:
        id: The sender's id of the event.
        name: Its name.
        payload: Its payload, as JSON.
        context: Its context, as JSON.
        source: Its source.
        timestamp: When it happened.
        deliver_at: When it is, or was to be, delivered.
        delivered_at: When it was delivered, also if no job listened; ``None`` before.
        cancelled_at: When it was cancelled, or ``None``.
        account_id: The external account it was sent for, or ``None``.
    """

    id: str
    name: str
    payload: Any
    context: Any
    source: str
    timestamp: datetime
    deliver_at: datetime
    delivered_at: datetime | None
    cancelled_at: datetime | None
    account_id: str | None


class EventRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that an event started.

    Attributes:
        id: The run's id.
        job_id: The job it is a run of.
        status: Where it stands.
        started_at: When it was first executed, or ``None``.
        completed_at: When it ended, or ``None``.
    """

    id: str
    job_id: str
    status: RunState
    started_at: datetime | None
    completed_at: datetime | None


class EventDetails(EventRecord, frozen=True, kw_only=True):
    """An event that was sent, with the runs that it started.

    Attributes:
        created_at: When it was first sent.
        updated_at: When it was last sent again in place of what it was, delivered or cancelled.
        runs: The runs that it started, oldest first.
    """

    created_at: datetime
    updated_at: datetime
    runs: tuple[EventRun, ...]


class ReceivedEvent(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """An event that a run waited for.

    Attributes:
        id: The sender's id.
        name: The event's name.
        source: Its source.
        payload: Its payload, as the call's ``schema=`` says, else as JSON.
        context: Its context, as JSON.
        timestamp: When it happened.
        account_id: The external account it was sent for, or ``None``.
    """

    id: str
    name: str
    source: str
    payload: T
    context: Any
    timestamp: datetime
    account_id: str | None = None


class FetchResponse(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """An answer to a request.

    Attributes:
        status: Its status, 200 to 299.
        headers: Names in lower case, and values; those that are secret by their name are ``***``.
        data: The body, as the call's ``as_type=`` says, else as JSON; ``None`` if it is not JSON.
    """

    status: int
    headers: dict[str, str]
    data: T


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


class CancelResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of cancelling several runs.

    Attributes:
        cancelled_run_ids: The runs that were cancelled. Those that had ended stay as they are and are not listed.
        failed_to_cancel_run_ids: The runs that could not be cancelled, since the database took no writes just then.
    """

    cancelled_run_ids: tuple[str, ...]
    failed_to_cancel_run_ids: tuple[str, ...]


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


class ScheduledPayload(msgspec.Struct, frozen=True, rename={"last_timestamp": "lastTimestamp"}):
    """The payload of a job that a schedule has started.

    Attributes:
        ts: The time of the tick, as planned.
        last_timestamp: That of the tick before; ``None`` at the first.

    See also: v2 protocol, section 10.2.
    """

    ts: datetime
    last_timestamp: datetime | None = None


class ScheduleRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A registration with a dynamic schedule.

    Attributes:
        id: What it was registered as; runs that it starts find it as ``ctx.source.id``.
        seconds: How far apart its ticks are, if they are equally far apart, else ``None``.
        cron: The cron expression, else ``None``.
        timezone: The time zone that the cron expression is meant in, or ``None``.
        account_id: The external account that its runs concern, or ``None``.
        metadata: What was registered with it, as JSON, or ``None``.
        active: Whether it ticks; not any more once it was unregistered.
    """

    id: str
    seconds: int | None
    cron: str | None
    timezone: str | None
    account_id: str | None
    metadata: Any
    active: bool


class TriggerRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A registration with a dynamic trigger.

    Attributes:
        id: What it was registered as; runs that it starts find it as ``ctx.source.id``.
        trigger_id: The dynamic trigger.
        source_key: Names its source.
        url: Where the service is to send.
        account_id: The external account that its runs concern, or ``None``.
        active: Whether the service knows of it already.
    """

    id: str
    trigger_id: str
    source_key: str
    url: str
    account_id: str | None
    active: bool
