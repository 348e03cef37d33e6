"""Tasks whose work the engine does itself: when it is due, who is at it, and the secrets it needs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.execution import ErrorInfo, JsonText
from perdure.protocol.operation_bounds import POLL_ATTEMPT
from perdure.storage.instants import from_ms, from_ms_or_none, to_due_ms, to_ms
from perdure.storage.json_lists import error_text, number_list

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from perdure.protocol.execution import TaskRecord
    from perdure.storage.interface import Session

_MS_PER_SECOND = 1000


class OperationRow(Struct, frozen=True, gc=False):
    """A task that this node does the work of.

    Attributes:
        task_no: The task.
        run_no: Its run.
        run_id: The run's id.
        task_id: The task's id.
        operation: What is to be done.
        shown: What the task is called: its cache key.
        key: Its idempotency key, 64 hexadecimal digits.
        params: What is to be done, everything secret masked.
        attempts: The number of the attempt at hand.
        started_at: When the task was stored.
        begun: How often this attempt has begun.
        failures: How many requests in a row were not answered.
        secrets: What stands behind the masks, encrypted.
        environment_no: Whose it is.
    """

    task_no: int
    run_no: int
    run_id: str
    task_id: str
    operation: str
    shown: str
    key: str
    params: JsonText | None
    attempts: int
    started_at: datetime
    begun: int
    failures: int
    secrets: bytes | None
    environment_no: int


class PollAttempt(Struct, frozen=True, gc=False):
    """What one attempt of a poll came to: a task of its own."""

    id: str
    key: str
    operation: str
    name: str
    started_at: datetime
    params: JsonText
    details: JsonText


async def insert_operation(
    tx: Session, task_id: str, *, due_at: datetime, lease: timedelta, node_no: int | None, secrets: bytes | None
) -> int | None:
    """Let the engine do the work of a task; its number, or ``None`` if that is so already.

    Args:
        tx: An open write transaction, in which the task was stored.
        task_id: The task.
        due_at: When to begin; with ``node_no``, when that node counts as dead.
        lease: How long a node may be at it.
        node_no: The node that begins at once, if there is one.
        secrets: What the task's params show masked, encrypted.
    """
    row = await tx.one(
        "insert_operation",
        to_due_ms(due_at),
        _milliseconds(lease),
        node_no,
        0 if node_no is None else 1,
        secrets,
        task_id,
    )
    return None if row is None else cast("tuple[int]", row)[0]


async def begin_anew(tx: Session, run_no: int, record: TaskRecord) -> None:
    """Let what is done for a task that was reopened be what its call says now, from the beginning."""
    await tx.run("begin_anew", record.params, record.params_hash, to_ms(record.started_at), record.id)
    await tx.run("delete_poll_attempts", run_no, record.id, POLL_ATTEMPT)


async def next_due(tx: Session) -> datetime | None:
    """When the first operation is due."""
    return from_ms_or_none(cast("tuple[int | None]", await tx.one("next_operation_due"))[0])


async def take_due(tx: Session, *, node_no: int, now: datetime, limit: int) -> list[OperationRow]:
    """Let a node begin with operations that are due, first due first."""
    taken = [cast("tuple[int]", row)[0] for row in await tx.all("take_due_operations", node_no, to_ms(now), limit)]
    return await list_operations(tx, taken) if taken else []


async def list_operations(tx: Session, task_nos: Iterable[int]) -> list[OperationRow]:
    """List what is needed to do the work of these tasks."""
    return [_read_row(row) for row in await tx.all("list_operations", number_list(task_nos))]


async def put_off_if_waiting(
    tx: Session, row: OperationRow, *, until: datetime, failures: int, error: ErrorInfo | None, now: datetime
) -> bool:
    """Let the next attempt of a task begin later, and record what the last one failed with.

    Args:
        tx: An open write transaction.
        row: The task, as it was when the attempt began.
        until: When the next attempt is due.
        failures: How many requests in a row have not been answered now.
        error: What the attempt failed with; ``None``: it is not recorded as a failure.
        now: The engine clock's time.

    Returns:
        ``False`` if the task waits no longer, or the attempt was made by another node, too: nothing has changed.
    """
    if await tx.run("count_attempt_if_waiting", row.attempts, row.task_no) == 0:
        return False
    await tx.run("put_operation_off", to_due_ms(until), failures, row.task_no)
    if error is not None:
        await tx.run("insert_attempt", row.attempts, to_ms(now), error_text(error), row.task_id)
    return True


async def list_held(tx: Session, node_no: int) -> list[int]:
    """List the tasks that a node is at."""
    return [cast("tuple[int]", row)[0] for row in await tx.all("list_held_operations", node_no)]


async def release(tx: Session, task_nos: Iterable[int], *, now: datetime) -> None:
    """Let nobody be at these tasks: they are due now, as if they had not been begun."""
    await tx.run("release_operations", to_ms(now), number_list(task_nos))


async def lose_of_others(tx: Session, *, own_node_no: int, now: datetime) -> None:
    """Let what any other node was at be due now: those nodes are dead."""
    await tx.run("lose_operations_of_others", to_ms(now), own_node_no)


async def delete_operation(tx: Session, task_no: int) -> None:
    """Forget an operation with its secrets: there is nothing more to do."""
    await tx.run("delete_operation", task_no)


async def keep_poll_attempt_if_waiting(tx: Session, row: OperationRow, attempt: PollAttempt, *, now: datetime) -> None:
    """Keep what the attempt at hand of a poll came to, as a task inside it, if the poll still waits for it."""
    await tx.run(
        "insert_poll_attempt", attempt.id, bytes.fromhex(attempt.key), attempt.operation, attempt.name,
        str(row.attempts), to_ms(attempt.started_at), to_ms(now), attempt.params, attempt.details, row.task_no,
        row.attempts,
    )  # fmt: skip


async def delete_poll_attempt(tx: Session, row: OperationRow, *, key: str) -> None:
    """Forget an attempt of a poll, by its idempotency key."""
    await tx.run("delete_poll_attempt", row.run_no, bytes.fromhex(key), row.task_id)


async def add_execution_time(tx: Session, run_no: int, *, spent: timedelta) -> None:
    """Count time that the engine has worked for a run."""
    await tx.run("add_execution_time", _milliseconds(spent), run_no)


def _read_row(row: Any) -> OperationRow:
    (task_no, run_no, run_id, task_id, operation, shown, key, params, attempts, started, begun, failures, secrets,
     environment_no) = row  # fmt: skip
    return OperationRow(
        task_no, run_no, run_id, task_id, operation, shown, key.hex(), params, attempts, from_ms(started), begun,
        failures, secrets, environment_no,
    )  # fmt: skip


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * _MS_PER_SECOND)
