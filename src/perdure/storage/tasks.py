"""Tasks of runs. Everything an execution writes names its epoch: a stale one changes nothing."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.execution import ErrorInfo, JsonText, TaskRecord, TaskState
from perdure.protocol.json_text import dump, load
from perdure.protocol.statuses import TaskStatus
from perdure.storage.instants import from_ms, from_ms_or_none, to_due_ms, to_ms
from perdure.storage.json_lists import error_text, number_list, read_error, text_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from perdure.storage.interface import Session

_STATUSES: dict[str, TaskStatus] = {str(status): status for status in TaskStatus}
_LOG = "log"


class StoredTask(Struct, frozen=True, gc=False):
    """What is stored under an idempotency key."""

    id: str
    operation: str
    name: str
    status: TaskStatus


async def insert_if_executing(tx: Session, run_no: int, epoch: int, record: TaskRecord) -> bool:
    """Store a new task, unless its key exists, the run has no such enclosing task, or another execution holds it."""
    completed_at = record.completed_at
    delay_until = record.delay_until
    error = record.error
    # A line of the log may stand in a task that was given up.
    is_free = record.parent_id is None or record.operation == _LOG
    query = "insert_task_if_executing" if is_free else "insert_nested_task_if_executing"
    changed = await tx.run(
        query, record.id, run_no, bytes.fromhex(record.key), record.parent_id, record.operation,
        record.name, record.display_key, record.status, record.noop, record.attempts, to_ms(record.started_at),
        None if completed_at is None else to_ms(completed_at), None if delay_until is None else to_due_ms(delay_until),
        record.params, record.params_hash, record.output, None if error is None else error_text(error),
        record.output_properties, record.details, epoch,
    )  # fmt: skip
    return changed == 1


async def update_if_open(tx: Session, run_no: int, epoch: int, record: TaskRecord) -> bool:
    """Give a task without outcome its next state, unless another execution holds the run."""
    completed_at = record.completed_at
    delay_until = record.delay_until
    error = record.error
    changed = await tx.run(
        "update_task_if_open", record.status, record.noop, record.attempts,
        None if completed_at is None else to_ms(completed_at), None if delay_until is None else to_due_ms(delay_until),
        record.output, None if error is None else error_text(error), record.output_properties, record.details, run_no,
        bytes.fromhex(record.key), epoch,
    )  # fmt: skip
    return changed == 1


async def find_by_key(tx: Session, run_no: int, *, key: str) -> StoredTask | None:
    """Look up what is stored under an idempotency key (64 hexadecimal digits)."""
    row = await tx.one("find_task_by_key", run_no, bytes.fromhex(key))
    if row is None:
        return None
    task_id, operation, name, status = cast("tuple[str, str, str, str]", row)
    return StoredTask(task_id, operation, name, _STATUSES[status])


async def find_outcome(tx: Session, task_id: str) -> tuple[JsonText | None, ErrorInfo | None]:
    """Look up what a task came to: its output and its error."""
    output, error = cast("tuple[JsonText | None, str | None]", await tx.one("find_outcome", task_id))
    return output, read_error(error)


async def insert_attempt(tx: Session, task_id: str, *, number: int, ended_at: datetime, error: ErrorInfo) -> None:
    """Record an attempt that failed, once."""
    await tx.run("insert_attempt", number, to_ms(ended_at), error_text(error), task_id)


async def resolve_if_waiting(tx: Session, task_nos: Iterable[int], *, now: datetime) -> list[tuple[int, TaskState]]:
    """Let due tasks go on: a wait is COMPLETED, a retry RUNNING again; each with the number of its run."""
    return [_read_state(row) for row in await tx.all("resolve_if_waiting", to_ms(now), number_list(task_nos))]


async def settle_if_waiting(
    tx: Session, task_no: int, *, output: JsonText | None, error: ErrorInfo | None, now: datetime
) -> tuple[int, TaskState] | None:
    """Give a waiting task an outcome; its state with the number of its run, or ``None`` if it does not wait."""
    status = TaskStatus.COMPLETED if error is None else TaskStatus.ERRORED
    row = await tx.one(
        "settle_if_waiting", status, to_ms(now), output, None if error is None else error_text(error), task_no
    )
    return None if row is None else _read_state(row)


async def find_number(tx: Session, task_id: str) -> int | None:
    """Look up the number of a task."""
    row = await tx.one("find_task_no", task_id)
    return None if row is None else cast("tuple[int]", row)[0]


async def find_environment(tx: Session, task_id: str) -> int | None:
    """Look up the number of the environment that a task is in."""
    row = await tx.one("find_task_environment", task_id)
    return None if row is None else cast("tuple[int]", row)[0]


async def list_shown(tx: Session, task_nos: Iterable[int]) -> list[tuple[int, str, str]]:
    """List tasks by number, with their operation and the key that is shown."""
    return [cast("tuple[int, str, str]", row) for row in await tx.all("list_shown_tasks", number_list(task_nos))]


async def find_next_number(tx: Session) -> int:
    """Give the number of the task that is stored next."""
    return cast("tuple[int]", await tx.one("next_task_no"))[0]


async def forget_wait(tx: Session, task_no: int) -> None:
    """Delete what a task waited for, now that it does not."""
    await tx.run("delete_wait_timers", task_no)
    await tx.run("delete_event_wait", task_no)
    await tx.run("delete_awaited_runs", task_no)


async def forget_wait_of(tx: Session, task_id: str) -> None:
    """Delete what a task waited for, now that it does not."""
    task_no = await find_number(tx, task_id)
    if task_no is not None:
        await forget_wait(tx, task_no)


async def forget_waits(tx: Session, *, run_no: int) -> None:
    """Delete what the waiting tasks of a run wait for; call it before they get another status."""
    await tx.run("delete_timers_of_tasks", run_no)
    await tx.run("delete_event_waits", run_no)
    await tx.run("delete_awaited_runs_of_run", run_no)
    await tx.run("delete_operations", run_no)


async def has_any_since(tx: Session, run_no: int, *, since: datetime) -> bool:
    """Whether a run has tasks that were created then or later."""
    return await tx.one("has_tasks_since", run_no, to_ms(since)) is not None


async def has_open(tx: Session, run_no: int) -> bool:
    """Whether a run has tasks that have no outcome."""
    return await tx.one("has_open_tasks", run_no) is not None


async def close_open(tx: Session, *, run_no: int, status: TaskStatus, now: datetime) -> None:
    """Give every task of a run that has no outcome this one."""
    await tx.run("close_open_tasks", status, to_ms(now), run_no)


async def fail_if_open(tx: Session, task_id: str, *, run_no: int, error: ErrorInfo, now: datetime) -> None:
    """Fail a task that has no outcome yet."""
    await tx.run("fail_if_open", to_ms(now), error_text(error), task_id, run_no)


async def add_warning(tx: Session, task_id: str, *, run_no: int, warning: str) -> None:
    """Add a warning to those of a task; one that it has already is not added again."""
    row = cast("tuple[str | None] | None", await tx.one("find_details", task_id, run_no))
    if row is None:
        return
    details: dict[str, Any] = {} if row[0] is None else load(row[0])
    warnings: list[str] = details.setdefault("warnings", [])
    if warning not in warnings:
        warnings.append(warning)
        await tx.run("keep_details", dump(details), task_id)


async def list_of_runs(tx: Session, run_nos: Iterable[int]) -> list[tuple[int, TaskState]]:
    """List the tasks of runs, each with the number of its run, in the order of their ids."""
    return [_read_state(row) for row in await tx.all("list_tasks_of_runs", number_list(run_nos))]


async def list_few(tx: Session, run_no: int, *, limit: int) -> list[TaskState]:
    """List tasks of a run, so many at most, in the order of their ids; the first ones only if these are all."""
    few = [_read_state(row)[1] for row in await tx.all("list_few_tasks", run_no, limit)]
    few.sort(key=attrgetter("id"))
    return few


async def list_by_id(tx: Session, task_ids: Sequence[str]) -> list[tuple[int, TaskState]]:
    """List these tasks, each with the number of its run, in the order of their ids."""
    return [_read_state(row) for row in await tx.all("list_tasks_by_id", text_list(task_ids))]


async def list_waits(tx: Session, run_no: int, *, limit: int) -> list[tuple[str, str, datetime | None]]:
    """List what a run waits for, first due first: operation, shown key or name, when it is due."""
    waits: list[tuple[str, str, datetime | None]] = []
    for row in await tx.all("list_waits", run_no, limit):
        key, name, operation, due = cast("tuple[str | None, str, str, int | None]", row)
        waits.append((operation, name if key is None else key, from_ms_or_none(due)))
    return waits


def _read_state(row: Any) -> tuple[int, TaskState]:
    task_id, key, parent, operation, name, status, noop, attempts, output, error, delay, params_hash, params, run_no = (
        row
    )
    state = TaskState(
        task_id, key.hex(), parent, operation, name, _STATUSES[status], noop == 1, attempts, output,
        None if error is None else read_error(error), None if delay is None else from_ms(delay), params_hash, params,
    )  # fmt: skip
    return run_no, state
