"""One execution of a run: what the engine hands to an endpoint, and what comes back.

An execution is a function, ``execute(ExecutionRequest) -> ExecutionResult``. The results are those of the
v2 protocol's EXECUTE_JOB answer (section 3.6), in the form that Python code of both sides speaks; users' JSON
stays text on its way (``JsonText``).
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from perdure.protocol.connections import Credential
from perdure.protocol.json_text import JsonText as JsonText
from perdure.protocol.statuses import EnvironmentType, TaskStatus
from perdure.protocol.task_waits import TaskWait


class ErrorInfo(Struct, frozen=True, gc=False):
    """An error as it is stored and shown.

    ``data`` is JSON text from which the exception may be rebuilt (class, args, members), or ``None``.
    """

    name: str
    message: str
    stack: str | None = None
    data: JsonText | None = None


class RunInfo(Struct, frozen=True, gc=False):
    """The run, as ``ctx.run`` shows it; ``started_at`` is the start of its first execution."""

    id: str
    is_test: bool
    is_retry: bool
    started_at: datetime


class JobRef(Struct, frozen=True, gc=False):
    """A job id and the version with which the run was created."""

    id: str
    version: str


class EventInfo(Struct, frozen=True, gc=False):
    """The event that started the run; ``id`` is the sender's."""

    id: str
    name: str
    payload: JsonText
    context: JsonText
    timestamp: datetime


class EnvironmentInfo(Struct, frozen=True, gc=False):
    """The environment that owns the run."""

    id: str
    slug: str
    type: EnvironmentType


class OrganizationInfo(Struct, frozen=True, gc=False):
    """The organization that owns the project."""

    id: str
    slug: str
    title: str


class ProjectInfo(Struct, frozen=True, gc=False):
    """The project that owns the environment."""

    id: str
    slug: str
    name: str


class AccountInfo(Struct, frozen=True, gc=False):
    """The external account the event was sent for."""

    id: str
    metadata: JsonText | None = None


class SourceInfo(Struct, frozen=True, gc=False):
    """The schedule or dynamic trigger registration the event came from."""

    id: str
    metadata: JsonText | None = None


class Tenant(Struct, frozen=True, gc=False):
    """Environment, project and organization; one object shared by all requests of an environment."""

    environment: EnvironmentInfo
    project: ProjectInfo
    organization: OrganizationInfo


class TaskState(Struct, frozen=True, gc=False, array_like=True):
    """A task of the run that is already stored, as replay needs it.

    ``key`` is the idempotency key (64 hex digits); ``params`` are there when ``params_hash`` is;
    ``attempts`` counts the attempts begun, the current one included.
    """

    id: str
    key: str
    parent_id: str | None
    operation: str
    name: str
    status: TaskStatus
    noop: bool
    attempts: int
    output: JsonText | None
    error: ErrorInfo | None
    delay_until: datetime | None
    params_hash: str | None
    params: JsonText | None = None


class ExecutionRequest(Struct, frozen=True, gc=False):
    """Execute this run now.

    ``tasks`` are all stored tasks of the run in the order of their ids (``is_complete``); or, if the endpoint said
    that it still holds the suspended run (`Endpoint.held`), only those that it named.
    ``yielded`` are the keys given to ``io.yield_execution`` so far. ``credentials`` are those that the platform keeps
    for the job's integrations, by the job's own keys for them.
    """

    epoch: int
    run: RunInfo
    job: JobRef
    event: EventInfo
    tenant: Tenant
    account: AccountInfo | None
    source: SourceInfo | None
    tasks: list[TaskState]
    yielded: tuple[str, ...] = ()
    is_complete: bool = True
    credentials: dict[str, Credential] | None = None


class TaskRetry(Struct, frozen=True, gc=False):
    """A task whose body failed with this error, and is to be tried again at that time."""

    task_id: str
    error: ErrorInfo
    at: datetime


class TaskCompletion(Struct, frozen=True, gc=False):
    """A task that is complete, with its output and what is shown of that: JSON text, or ``None``."""

    task_id: str
    output: JsonText | None
    properties: JsonText | None = None


class Outcome(Struct, frozen=True, kw_only=True, gc=False, tag=True, omit_defaults=True):
    """What every result of an execution may carry.

    Attributes:
        warnings: Sentences about the run.
        task_warnings: Sentences about tasks, each with the task's id.
        retries: Tasks to be tried again, of endpoints that do not record that themselves.
        completed: Tasks that the endpoint had no time left to record as complete.
        properties: What is shown of the outputs of tasks, as JSON text, each with the task's id.
    """

    warnings: tuple[str, ...] = ()
    task_warnings: tuple[tuple[str, str], ...] = ()
    retries: tuple[TaskRetry, ...] = ()
    completed: tuple[TaskCompletion, ...] = ()
    properties: tuple[tuple[str, JsonText], ...] = ()


class Succeeded(Outcome, frozen=True, gc=False):
    """SUCCESS: the run ended with this output (``None``: it returned nothing)."""

    output: JsonText | None


class Failed(Outcome, frozen=True, gc=False):
    """ERROR: the run failed; ``is_aborted``: the app did not want it to be executed at all."""

    error: ErrorInfo
    task_id: str | None = None
    is_aborted: bool = False


class InvalidPayload(Outcome, frozen=True, gc=False):
    """INVALID_PAYLOAD: the event's payload does not fit the job's schema; ``issues`` are (path, message)."""

    issues: tuple[tuple[tuple[str | int, ...], str], ...]


class Suspended(Outcome, frozen=True, gc=False):
    """RESUME_WITH_TASK, or RESUME_WITH_PARALLEL_TASK for several: every branch waits for one of these tasks.

    The run goes on when the first of them is over; if one already is, at once.

    Attributes:
        task_ids: The tasks.
        block: The task that encloses all of them, if the run is to go on only when none of those in it waits any more.
    """

    task_ids: tuple[str, ...]
    block: str | None = None


class Yielded(Outcome, frozen=True, gc=False):
    """YIELD_EXECUTION: execute again at once, with ``key`` among the yielded ones."""

    key: str


class AutoYielded(Outcome, frozen=True, gc=False):
    """AUTO_YIELD_EXECUTION: the endpoint ran out of its time; execute again at once, or ``at`` that time.

    ``is_cut``: its platform ended the execution. ``lacks_task``: a task that it asked for was not created.
    """

    reason: str
    at: datetime | None = None
    is_cut: bool = False
    lacks_task: bool = False


class UnresolvedAuth(Outcome, frozen=True, gc=False):
    """UNRESOLVED_AUTH_ERROR: integrations have no credential; ``issues`` is JSON text, by the integration's key."""

    issues: JsonText


class Abandoned(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The endpoint gave the run back without a result: execute it again after a delay.

    Causes: no such job in this process, storage unavailable, the node stops, all its threads are taken
    (``no_room``), which is no failure of the run, a process that died while it executed the run (``lost``), an endpoint
    that nobody answers for (``is_absent``), or one that answers that it has failed: after ``limit`` of those in a row
    the run is a FAILURE.
    """

    reason: str
    no_code: bool = False
    immediate: bool = False
    no_room: bool = False
    lost: bool = False
    limit: int | None = None
    is_absent: bool = False


ExecutionResult = Succeeded | Failed | InvalidPayload | Suspended | Yielded | AutoYielded | UnresolvedAuth | Abandoned


class TaskRecord(Struct, gc=False, omit_defaults=True):
    """What one execution asks to be stored of one task: its beginning, its state, or both in one write.

    ``is_new`` says whether the row is still to be inserted. ``ancestors`` are enclosing tasks whose rows were
    not stored yet: a child's idempotency key holds its parent's id, so the parent must be stored first.
    ``status`` is the state to store: RUNNING (begun), COMPLETED, ERRORED, or WAITING (until ``delay_until``).
    ``details`` is JSON text of what is only shown: icon, description, properties, style, redact, warnings.
    ``wait`` says what a WAITING task waits for, if that is not a time.
    """

    id: str
    key: str
    parent_id: str | None
    operation: str
    name: str
    status: TaskStatus
    started_at: datetime
    display_key: str | None = None
    noop: bool = False
    attempts: int = 1
    output: JsonText | None = None
    error: ErrorInfo | None = None
    params: JsonText | None = None
    params_hash: str | None = None
    delay_until: datetime | None = None
    completed_at: datetime | None = None
    details: JsonText | None = None
    output_properties: JsonText | None = None
    is_new: bool = True
    attempt_error: ErrorInfo | None = None
    ancestors: tuple[TaskRecord, ...] = ()
    wait: TaskWait | None = None
