"""Tasks as a platform of the v2 protocol takes and gives them (v2 protocol, sections 4.2 and 5)."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from msgspec import UNSET, Raw

from perdure import errors
from perdure.errors import RunError, WaitTimeoutError
from perdure.protocol.execution import ErrorInfo, JsonText, TaskState
from perdure.protocol.failures import failure_of
from perdure.protocol.json_text import check_dumped, load
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.tasks import CallbackOptions, CreateTaskBody, TaskOperation
from perdure.protocol.operation_bounds import FETCH, FETCH_RESPONSE, POLL
from perdure.protocol.redacted import RedactedString
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_waits import Operation

if TYPE_CHECKING:
    from msgspec import UnsetType

    from perdure.protocol.execution import TaskRecord
    from perdure.protocol.messages.tasks import ServerTask
    from perdure.protocol.task_waits import TaskWait

LONGEST_WAIT: Final = 31_536_000
"""How many seconds a task waits that waits for ever: a year, the longest that a v2 platform knows."""

_OPERATIONS: Final = {
    FETCH: TaskOperation.FETCH,
    FETCH_RESPONSE: TaskOperation.FETCH_RESPONSE,
    POLL: TaskOperation.FETCH_POLL,
}
_WITH_MORE: Final = (errors.TaskFailedError, errors.InvokedRunFailedError)
_TIMED_OUT: Final = "Remote callback timeout"
_encode = msgspec.json.Encoder().encode


def create_body(record: TaskRecord) -> CreateTaskBody:
    """Write what a task is when it is made."""
    shown: dict[str, Any] = {} if record.details is None else load(record.details)
    wait = record.wait
    operation: TaskOperation | UnsetType = UNSET
    params = record.params
    if isinstance(wait, Operation):
        operation, params = _OPERATIONS[record.operation], _with_secrets(params, wait.secrets)
    return CreateTaskBody(
        idempotency_key=record.key,
        display_key=UNSET if record.display_key is None else record.display_key,
        noop=record.noop,
        name=record.name,
        icon=shown.get("icon", UNSET),
        description=shown.get("description", UNSET),
        parent_id=UNSET if record.parent_id is None else record.parent_id,
        delay_until=UNSET if record.delay_until is None else Instant.not_before(record.delay_until),
        params=UNSET if params is None else Raw(params.encode()),
        operation=operation,
        callback=_callback(wait),
        properties=shown.get("properties", UNSET),
        style=shown.get("style", UNSET),
        redact=shown.get("redact", UNSET),
    )


def _callback(wait: TaskWait | None) -> CallbackOptions | UnsetType:
    if wait is None or isinstance(wait, Operation):
        return UNSET
    return CallbackOptions(enabled=True, timeout_in_seconds=0 if wait.timeout is None else max(wait.timeout, 0.001))


def dispatcher_seconds(timeout: float | None) -> int:
    """Say for how many whole seconds an event is waited for that the task itself waits for so long."""
    return LONGEST_WAIT if timeout is None else min(max(math.ceil(timeout), 10), LONGEST_WAIT)


def _with_secrets(params: JsonText | None, secrets: JsonText | None) -> JsonText | None:
    """Put what the params of a request show masked back into them, in the protocol's form of a secret (section 14)."""
    if params is None or secrets is None:
        return params
    shown: dict[str, Any] = load(params)
    hidden: dict[str, Any] = load(secrets)
    init: dict[str, Any] = shown.get("requestInit") or {}
    if "url" in hidden:
        shown["url"] = _secret(hidden["url"])
    if "headers" in hidden:
        headers: dict[str, Any] = init.get("headers") or {}
        init["headers"] = headers | {name: _secret(value) for name, value in hidden["headers"].items()}
    if "body" in hidden:
        init["body"] = _secret(hidden["body"])
    shown["requestInit"] = init
    return JsonText(_encode(shown).decode())


def _secret(text: str) -> dict[str, Any]:
    return RedactedString(["", ""], [text]).to_wire()


def state_of(task: ServerTask, record: TaskRecord) -> TaskState:
    """Read a task that was asked for by a record."""
    is_same = task.name == record.name
    status = task.status
    if status is TaskStatus.RUNNING and isinstance(record.wait, Operation):
        # A v2 platform calls that running which it does itself.
        status = TaskStatus.WAITING
    return TaskState(
        task.id,
        task.idempotency_key,
        record.parent_id,
        record.operation if is_same else "",
        task.name,
        status,
        task.noop,
        task.attempts,
        _output(task) if status is TaskStatus.COMPLETED else None,
        error_of_output(_output(task), task.name) if status is TaskStatus.ERRORED else None,
        None if task.delay_until is UNSET or task.delay_until is None else task.delay_until.plain(),
        record.params_hash if is_same else None,
        record.params if is_same else None,
    )


def _output(task: ServerTask) -> JsonText | None:
    return None if task.output is UNSET else JsonText(check_dumped(bytes(task.output)))


def error_of_output(text: JsonText | None, name: str) -> ErrorInfo:
    """Read what a task of that name failed with."""
    value: Any = None if text is None else load(text)
    if isinstance(value, str) and value.startswith(_TIMED_OUT):
        return failure_of(WaitTimeoutError(f"Nothing has come for task {name!r} in the time that it had."))
    if not isinstance(value, dict):
        return ErrorInfo("Error", value if isinstance(value, str) else text or "The task failed.")
    given = cast("dict[str, object]", value)
    kind, said, stack, data = (given.get(member) for member in ("name", "message", "stack", "data"))
    message = said if isinstance(said, str) else text or ""
    return ErrorInfo(
        kind if isinstance(kind, str) else "Error",
        message,
        stack if isinstance(stack, str) else None,
        JsonText(data) if isinstance(data, str) else _own_error(kind, message),
    )


def _own_error(name: object, message: str) -> JsonText | None:
    """Say how an error of perdure's is made again of which no more is known than its name and its message."""
    kind = _own_errors().get(name) if isinstance(name, str) else None
    return None if kind is None else failure_of(kind(message)).data


@cache
def _own_errors() -> dict[str, type[RunError]]:
    # Those that are made of their message alone.
    kinds: dict[str, type[RunError]] = {}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, RunError) and kind not in _WITH_MORE:
            kinds[kind.__name__] = kind
    return kinds
