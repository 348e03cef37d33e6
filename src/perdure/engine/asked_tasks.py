"""Tasks as an endpoint elsewhere asks for them (v2 protocol, section 4.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import UNSET

from perdure.engine.server_tasks import details_of, has_callback, is_server_operation, operation_of
from perdure.errors import InvalidArgumentError
from perdure.protocol.execution import ErrorInfo, JsonText, TaskRecord
from perdure.protocol.failures import failure_of
from perdure.protocol.json_text import dump, load
from perdure.protocol.messages.display import complete_properties
from perdure.protocol.redacted import mask_redacted
from perdure.protocol.remote_requests import split_params
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_waits import CallbackWait, Operation
from perdure.storage.remote_tasks import RemoteTask

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.protocol.messages.tasks import CreateTaskBody

_KEY = re.compile("[0-9a-f]{64}")


def check_key(key: str) -> str:
    """Check an idempotency key: 64 hexadecimal digits.

    Raises:
        InvalidArgumentError: It is none.
    """
    if _KEY.fullmatch(key) is None:
        raise InvalidArgumentError("An idempotency key is 64 lower-case hexadecimal digits.")
    return key


def is_to_begin_anew(task: RemoteTask, asked: TaskRecord) -> bool:
    """Whether a task waits once more for something outside: its run was continued, or it is tried again.

    One whose body is at work stays as it is, whatever its key is asked for with.
    """
    if task.status is not TaskStatus.RUNNING or asked.wait is None:
        return False
    return is_server_operation(task.operation) if isinstance(asked.wait, Operation) else has_callback(task)


def canceled(record: TaskRecord, now: datetime) -> RemoteTask:
    """Make what is answered where a run that has ended gets no more tasks."""
    return RemoteTask(
        record.id, record.key, record.parent_id, record.operation, record.name, record.display_key,
        TaskStatus.CANCELED, record.noop, 1, now, now, record.delay_until, record.params, None, None, None,
        record.details,
    )  # fmt: skip


def record_asked(body: CreateTaskBody, key: str, *, id: str, now: datetime) -> TaskRecord:
    """Make the record of a new task as it is asked for: it runs, waits, or has come to its end at once."""
    status = TaskStatus.RUNNING
    delay_until: datetime | None = None
    error: ErrorInfo | None = None
    if body.delay_until is not UNSET and body.delay_until is not None and body.delay_until > now:
        status, delay_until = TaskStatus.WAITING, body.delay_until
    operation = operation_of(body)
    params = None if body.params is UNSET else load(bytes(body.params).decode())
    wait: CallbackWait | Operation | None = None
    if body.callback is not UNSET and body.callback.enabled:
        seconds = body.callback.timeout_in_seconds
        status, wait = TaskStatus.WAITING, CallbackWait(seconds if seconds > 0 else None)
        # It goes on when it is called back, and at no time (v2 protocol, section 6.7).
        delay_until = None
    elif body.operation is not UNSET:
        try:
            params, secrets = split_params(params)
            status, wait = TaskStatus.WAITING, Operation(secrets)
        except InvalidArgumentError as refusal:
            # What the engine is to do is no request: the task fails with that, at once.
            status, error = TaskStatus.ERRORED, failure_of(refusal)
    elif body.noop and delay_until is None:
        status = TaskStatus.COMPLETED
    properties = [] if body.properties is UNSET else complete_properties(body.properties)
    return TaskRecord(
        id,
        key,
        None if body.parent_id is UNSET else body.parent_id,
        operation,
        "Task" if body.name is UNSET else body.name,
        status,
        now,
        display_key=None if body.display_key is UNSET else body.display_key,
        noop=body.noop,
        params=None if params is None else JsonText(dump(mask_redacted(params), root="params")),
        delay_until=delay_until,
        error=error,
        completed_at=now if status.is_final else None,
        details=details_of(body, properties),
        wait=wait,
    )
