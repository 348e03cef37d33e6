"""Tasks in the form in which an endpoint elsewhere gets them (v2 protocol, sections 4.2 and 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Raw, UnsetType

from perdure.engine.task_outputs import task_output
from perdure.protocol.json_text import JsonText, dump, load
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.tasks import CachedTask, ServerTask
from perdure.protocol.operation_bounds import FETCH, FETCH_RESPONSE, POLL
from perdure.protocol.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from perdure.protocol.messages.tasks import CreateTaskBody
    from perdure.protocol.runs import RunTaskAnswer
    from perdure.storage.remote_tasks import RemoteTask

PLAIN_TASK = "task"
"""The operation of a task whose body the endpoint executes."""

LOG = "log"
WAIT = "wait"

_OPERATIONS = {"fetch": FETCH, "fetch-response": FETCH_RESPONSE, "fetch-poll": POLL}
_WIRE_OPERATIONS = {ours: theirs for theirs, ours in _OPERATIONS.items()}


def operation_of(body: CreateTaskBody) -> str:
    """Name what a task does, in the engine's word."""
    if body.operation is not UNSET:
        return _OPERATIONS[body.operation]
    if body.noop and body.delay_until is not UNSET:
        return WAIT
    # What io.logger makes of a line (v2 protocol, section 14).
    is_line = body.noop and body.name == LOG and body.icon == LOG
    return LOG if is_line else PLAIN_TASK


def is_server_operation(operation: str) -> bool:
    """Say whether it is the server that does what a task is for."""
    return operation in _WIRE_OPERATIONS


def has_callback(task: RemoteTask) -> bool:
    """Say whether a task was created to be completed by a request to its callback URL."""
    return task.details is not None and load(task.details).get("callback") is True


def details_of(body: CreateTaskBody, properties: object) -> JsonText | None:
    """Write what is only shown of a task, and what the endpoint is to get back as it was."""
    shown: dict[str, Any] = {}
    for name in ("icon", "description", "style", "redact", "connection_key"):
        value = getattr(body, name)
        if value is not UNSET:
            shown[name] = value
    if properties:
        shown["properties"] = properties
    if body.parallel is True:
        shown["parallel"] = True
    if body.callback is not UNSET and body.callback.enabled:
        shown["callback"] = True
    return JsonText(dump(shown)) if shown else None


def server_task(
    task: RemoteTask, callback_url: Callable[[str], str], *, is_native: bool = False, force_yield: bool = False
) -> ServerTask:
    """Show a task to its endpoint; to one of perdure's also what its exception is made again from.

    ``force_yield``: the endpoint is to end its execution.
    """
    details: dict[str, Any] = {} if task.details is None else load(task.details)
    is_called_back = details.get("callback") is True
    return ServerTask(
        id=task.id,
        name=task.name,
        icon=details.get("icon"),
        noop=task.noop,
        started_at=Instant.of(task.started_at),
        completed_at=_instant(task.completed_at),
        delay_until=_instant(task.delay_until),
        status=task.status if is_native else shown_status(task),
        description=details.get("description"),
        params=_raw(task.params),
        output=task_output(task, is_native=is_native),
        properties=_convert(details.get("properties")),
        output_properties=UNSET if task.output_properties is None else _convert(load(task.output_properties)),
        style=_convert(details.get("style") or {"style": "normal"}),
        parent_id=task.parent_id,
        attempts=task.attempts,
        idempotency_key=task.key,
        operation=_WIRE_OPERATIONS.get(task.operation),
        callback_url=callback_url(task.id) if is_called_back else None,
        force_yield=force_yield,
        child_execution_mode="PARALLEL" if details.get("parallel") is True else "SEQUENTIAL",
    )


def shown_status(task: RemoteTask | RunTaskAnswer) -> TaskStatus:
    """Give the status that a task has for clients of v2: they call that running which the server does itself."""
    is_at_work = task.status is TaskStatus.WAITING and task.delay_until is None and task.operation in _WIRE_OPERATIONS
    return TaskStatus.RUNNING if is_at_work else task.status


def cached_task(task: RemoteTask) -> CachedTask:
    """Show a completed task to its endpoint."""
    return CachedTask(
        id=task.key,
        idempotency_key=task.key,
        status=TaskStatus.COMPLETED,
        noop=task.noop,
        output=task_output(task),
        parent_id=task.parent_id,
    )


def _raw(text: str | None) -> Raw | UnsetType:
    return UNSET if text is None else Raw(text.encode())


def _convert(value: Any) -> Any:
    # What is stored has the names of the wire already.
    return value


def _instant(at: datetime | None) -> Instant | None:
    return None if at is None else Instant.of(at)
