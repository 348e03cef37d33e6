"""Tasks of runs whose endpoint is elsewhere: what it is told of them, and what its answers do to them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.execution import ErrorInfo, JsonText, TaskRecord
from perdure.protocol.statuses import TaskStatus
from perdure.storage.instants import from_ms, from_ms_or_none, to_due_ms, to_ms
from perdure.storage.json_lists import error_text, read_error

if TYPE_CHECKING:
    from perdure.storage.interface import Session

_STATUSES: dict[str, TaskStatus] = {str(status): status for status in TaskStatus}


class RemoteTask(Struct, frozen=True, gc=False):
    """A task with all that its endpoint is told of it; ``key`` is the idempotency key (64 hexadecimal digits)."""

    id: str
    key: str
    parent_id: str | None
    operation: str
    name: str
    display_key: str | None
    status: TaskStatus
    noop: bool
    attempts: int
    started_at: datetime
    completed_at: datetime | None
    delay_until: datetime | None
    params: JsonText | None
    output: JsonText | None
    error: ErrorInfo | None
    output_properties: JsonText | None
    details: JsonText | None


class Settling(Struct, frozen=True, gc=False):
    """What a task comes to, and what is shown of its output."""

    status: TaskStatus
    at: datetime
    output: JsonText | None = None
    error: ErrorInfo | None = None
    properties: JsonText | None = None


async def find_by_key(tx: Session, run_no: int, *, key: str) -> RemoteTask | None:
    """Look a task up by its idempotency key."""
    row = await tx.one("find_remote_task_by_key", run_no, bytes.fromhex(key))
    return None if row is None else _read(row)


async def find_by_id(tx: Session, run_no: int, *, task_id: str) -> RemoteTask | None:
    """Look a task up by its id."""
    row = await tx.one("find_remote_task_by_id", task_id, run_no)
    return None if row is None else _read(row)


async def exists(tx: Session, run_no: int, *, task_id: str) -> bool:
    """Whether a run has a task of this id."""
    return await tx.one("has_task", task_id, run_no) is not None


async def has_failed_task(tx: Session, environment_no: int, *, run_id: str) -> bool:
    """Whether a run has a task that has failed."""
    return await tx.one("has_failed_task", run_id, environment_no) is not None


async def settle_if_running(
    tx: Session, task_id: str, *, run_no: int, epoch: int, settling: Settling
) -> RemoteTask | None:
    """Give a task its outcome whose body is at work, unless another execution holds the run; the task as it is then."""
    error = None if settling.error is None else error_text(settling.error)
    row = await tx.one(
        "settle_if_running", settling.status, to_ms(settling.at), settling.output, error, settling.properties, task_id,
        run_no, epoch,
    )  # fmt: skip
    return None if row is None else _read(row)


async def insert_late(tx: Session, run_no: int, record: TaskRecord) -> bool:
    """Store a new task in a run that nobody executes, unless its key exists or the run takes none."""
    changed = await tx.run(
        "insert_late_task", record.id, run_no, bytes.fromhex(record.key), record.parent_id, record.operation,
        record.name, record.display_key, record.status, record.noop, record.attempts, to_ms(record.started_at),
        None if record.completed_at is None else to_ms(record.completed_at), record.params, record.details,
    )  # fmt: skip
    return changed == 1


async def settle_late(tx: Session, task_id: str, *, run_no: int, settling: Settling) -> RemoteTask | None:
    """Give a task its outcome whose body is at work in a run that nobody executes; the task as it is then."""
    error = None if settling.error is None else error_text(settling.error)
    row = await tx.one(
        "settle_late", settling.status, to_ms(settling.at), settling.output, error, settling.properties, task_id, run_no
    )
    return None if row is None else _read(row)


async def list_completed(tx: Session, run_no: int, *, cursor: str, limit: int) -> list[RemoteTask]:
    """List completed tasks from an id on, in the order of their ids, noops aside."""
    return [_read(row) for row in await tx.all("page_of_completed_tasks", run_no, cursor, limit)]


async def retry_if_open(tx: Session, task_id: str, *, run_no: int, at: datetime) -> int | None:
    """Let a task without outcome wait for its next attempt; the number of the one that failed."""
    row = await tx.one("retry_if_open", to_due_ms(at), task_id, run_no)
    return None if row is None else cast("tuple[int]", row)[0]


async def complete_if_open(
    tx: Session, task_id: str, *, run_no: int, output: JsonText | None, properties: JsonText | None, now: datetime
) -> bool:
    """Complete a task that has no outcome yet."""
    return await tx.run("complete_if_open", to_ms(now), output, properties, task_id, run_no) == 1


async def keep_properties(tx: Session, task_id: str, *, run_no: int, properties: JsonText) -> None:
    """Keep what is shown of a task's output."""
    await tx.run("keep_properties", properties, task_id, run_no)


def _read(row: Any) -> RemoteTask:
    (task_id, key, parent, operation, name, display_key, status, noop, attempts, started, completed, delay, params,
     output, error, properties, details) = row  # fmt: skip
    return RemoteTask(
        task_id, key.hex(), parent, operation, name, display_key, _STATUSES[status], noop == 1, attempts,
        from_ms(started), from_ms_or_none(completed), from_ms_or_none(delay), params, output, read_error(error),
        properties, details,
    )  # fmt: skip
