"""The body of EXECUTE_JOB, made from an execution request (v2 protocol, section 6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from perdure.protocol.json_text import dump
from perdure.protocol.messages.auth import ConnectionAuth
from perdure.protocol.messages.execution import AutoYieldConfig, ExecutedRun, KnownTask, RunJobBody
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.tasks import CachedTask
from perdure.protocol.messages.tenancy import (
    ProjectReference,
    SourceReference,
)
from perdure.protocol.noop_filter import NoopFilter
from perdure.protocol.operation_bounds import FETCH, FETCH_RESPONSE, POLL
from perdure.protocol.statuses import TaskStatus
from perdure.transport.run_members import raw_or_unset, run_members

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.protocol.connections import Credential
    from perdure.protocol.execution import ExecutionRequest, TaskState

CACHE_BUDGET: Final = 3_000_000
"""How many bytes of cached tasks a body carries; the app asks for the rest."""

_TASK_OVERHEAD: Final = 300
_ERROR: Final = ("name", "message", "stack", "data")
_THRESHOLDS: Final = AutoYieldConfig(
    start_task_threshold=750,
    before_execute_task_threshold=1500,
    before_complete_task_threshold=750,
    after_complete_task_threshold=750,
)
_ASKED: Final = "task"
_SHARED: Final = ("wait", FETCH, FETCH_RESPONSE, POLL)


def execution_body(
    request: ExecutionRequest,
    *,
    now: datetime,
    limit_ms: int | None,
    is_native: bool = False,
    is_lazy: bool = True,
) -> RunJobBody:
    """Make the body.

    Args:
        request: The execution.
        now: When it begins.
        limit_ms: Milliseconds that it may take, then the app yields by itself; ``None``: as many as it likes.
        is_native: Whether the app is perdure's.
        is_lazy: Whether the app asks for what it needs of its completed tasks; an old one knows what it is told alone.
    """
    told: dict[str, Any] = {"stored_tasks": request.tasks}
    if not is_lazy:
        told = {"tasks": pack_smallest(request.tasks)}
    elif not is_native or not may_batch(request.tasks):
        told = _told(request.tasks)
    if is_lazy:
        told["yielded_executions"] = list(request.yielded)
        told["run_chunk_execution_limit"] = UNSET if limit_ms is None else limit_ms
        told["auto_yield_config"] = _THRESHOLDS
    project = request.tenant.project
    return RunJobBody(
        **run_members(request),
        run=ExecutedRun(
            id=request.run.id,
            is_test=request.run.is_test,
            is_retry=is_native and request.run.is_retry,
            started_at=Instant.of(request.run.started_at if is_native else now),
        ),
        project=ProjectReference(id=project.id, slug=project.slug, name=project.name),
        source=UNSET
        if request.source is None
        else SourceReference(id=request.source.id, metadata=raw_or_unset(request.source.metadata)),
        connections=UNSET
        if request.credentials is None
        else {key: connection_auth(one) for key, one in request.credentials.items()},
        epoch=request.epoch if is_native else UNSET,
        **told,
    )


def connection_auth(credential: Credential) -> ConnectionAuth:
    """Write a credential that is kept for an integration."""
    scopes, fields = credential.scopes, credential.additional_fields
    return ConnectionAuth(
        type=credential.type,
        access_token=credential.access_token,
        scopes=UNSET if scopes is None else list(scopes),
        additional_fields=UNSET if fields is None else fields,
    )


def resumed_body(request: ExecutionRequest, *, now: datetime, is_native: bool) -> RunJobBody:
    """Make the body for a run that is still in the memory of the app: the tasks that it waits for, and no others."""
    body = execution_body(replace(request, tasks=[]), now=now, limit_ms=None, is_native=is_native)
    if is_native and not any(map(_was_asked_for, request.tasks)):
        return replace(body, resumed=True, stored_tasks=request.tasks)
    known = [known_task(task) for task in request.tasks]
    return replace(body, resumed=True, known_tasks=known, stored_tasks=UNSET)


def known_task(task: TaskState) -> KnownTask:
    """Write a task that a run in the memory of an app waits for, as it is now."""
    error = task.error
    text = task.output if error is None else dump({name: getattr(error, name) for name in _ERROR})
    return KnownTask(
        id=task.id,
        idempotency_key=task.key,
        status=task.status,
        attempts=task.attempts,
        parent_id=UNSET if task.parent_id is None else task.parent_id,
        delay_until=UNSET if task.delay_until is None else Instant.of(task.delay_until),
        output=raw_or_unset(text),
    )


def may_batch(states: list[TaskState]) -> bool:
    """Whether an execution of perdure's own may go on from these tasks by itself, without asking for each task.

    They must fit into a body; and no task may have been made by asking, since its parts are others then.
    """
    size = 0
    for task in states:
        size += _size(task.output) + _size(task.params) + _TASK_OVERHEAD
        if size > CACHE_BUDGET or _was_asked_for(task):
            return False
    return True


def _was_asked_for(task: TaskState) -> bool:
    return task.operation == _ASKED or (task.operation in _SHARED and task.params_hash is None)


def _told(states: list[TaskState]) -> dict[str, Any]:
    # As clients of the v2 protocol know them.
    cached, cursor = pack_tasks(states)
    noops = NoopFilter(task.key for task in states if task.noop and task.status is TaskStatus.COMPLETED)
    return {"tasks": cached, "cached_task_cursor": cursor, "noop_tasks_set": noops.encode()}


def pack_tasks(states: list[TaskState]) -> tuple[list[CachedTask], str | UnsetType]:
    """Choose the cached tasks that the body carries; with where the rest begins, if there is one."""
    taken: list[CachedTask] = []
    size = 0
    for task in states:
        if task.noop or task.status is not TaskStatus.COMPLETED:
            continue
        size += _size(task.output) + _TASK_OVERHEAD
        if size > CACHE_BUDGET:
            return taken, task.id
        taken.append(_cached(task))
    return taken, UNSET


def pack_smallest(states: list[TaskState]) -> list[CachedTask]:
    """Choose the completed tasks that the body carries for an app that asks for no others: the smallest of them."""
    completed = [task for task in states if task.status is TaskStatus.COMPLETED]
    taken: list[CachedTask] = []
    size = 0
    for task in sorted(completed, key=lambda task: _size(task.output)):
        size += _size(task.output) + _TASK_OVERHEAD
        if size > CACHE_BUDGET:
            break
        taken.append(_cached(task))
    return taken


def _cached(task: TaskState) -> CachedTask:
    return CachedTask(
        id=task.key,
        idempotency_key=task.key,
        status=task.status,
        noop=task.noop,
        output=raw_or_unset(task.output),
        parent_id=task.parent_id,
    )


def _size(text: str | None) -> int:
    """Give the bytes that a text has as UTF-8; of most it is known without a look at it."""
    if text is None:
        return 0
    return len(text) if text.isascii() else len(text.encode())
