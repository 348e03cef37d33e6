"""What has ended long ago: found in the order of its creation, and deleted bit by bit."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, cast

from msgspec import Struct

from perdure.protocol.limits import STATUS_DATA_LIMIT, VALUE_LIMIT
from perdure.storage import key_values
from perdure.storage.instants import from_ms, from_ms_or_none, to_ms
from perdure.storage.json_lists import number_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.storage.interface import Session

BYTES_OF_A_ROW = 16 * 1024
"""What holds more counts for several rows: deleting it takes as long."""

_STATUS = 2 * STATUS_DATA_LIMIT // BYTES_OF_A_ROW
_VALUE = VALUE_LIMIT // BYTES_OF_A_ROW
_PARTS = (
    ("delete_some_executions", 1),
    ("delete_some_history", 1),
    ("delete_some_callbacks", 1),
    ("delete_some_lacking", 1),
    ("delete_some_statuses", _STATUS),
)


class Aged(Struct, frozen=True, gc=False):
    """A run or an event by its number; ``ended_at``: when it ended, or was delivered or cancelled, if it was.

    The environment's number is negative if its deletion has begun. ``size`` is that of what an event holds, in bytes.
    """

    number: int
    environment_no: int
    created_at: datetime
    ended_at: datetime | None
    size: int


class ExpiredStretch(Struct, frozen=True, gc=False):
    """How much of a stretch is old enough to be deleted; ``goes_on`` is the last number looked at, if more follows."""

    count: int
    values: int
    goes_on: int | None


class ExpiredRun(Struct, frozen=True, gc=False):
    """A run that is to be deleted; the environment's number is negative once that has begun.

    ``size`` is that of what it and its event hold, in bytes.
    """

    run_no: int
    id: str
    environment_no: int
    event_no: int
    size: int


async def list_oldest_runs(tx: Session, *, after: int, limit: int) -> list[Aged]:
    """List runs behind this number in the order of their creation."""
    return [_read_aged(row) for row in await tx.all("list_oldest_runs", after, limit)]


async def list_oldest_events(tx: Session, *, after: int, limit: int) -> list[Aged]:
    """List events behind this number in the order of their creation."""
    return [_read_aged(row) for row in await tx.all("list_oldest_events", after, limit)]


async def list_oldest_missing(tx: Session, *, after: int, limit: int) -> list[Aged]:
    """List connections that are missing behind this number; one for which no run waits has ended when it was noted."""
    return [_read_aged(row) for row in await tx.all("list_oldest_missing", after, limit)]


async def delete_missing_if_not_awaited(tx: Session, missing_no: int) -> bool:
    """Delete what is known of a connection that is missing and for which no run waits."""
    return await tx.run("delete_missing_if_not_awaited", missing_no) == 1


async def find_expired_run(tx: Session, run_no: int, *, cutoff: datetime) -> ExpiredRun | None:
    """Look up a run that ended at this time or before."""
    row = await tx.one("find_expired_run", run_no, to_ms(cutoff))
    return None if row is None else ExpiredRun(run_no, *cast("tuple[str, int, int, int]", row))


async def delete_parts(tx: Session, run: ExpiredRun, *, rows: int) -> int:
    """Delete what hangs on a run, about so many rows of it.

    Args:
        tx: An open write transaction.
        run: The run.
        rows: How many rows may be deleted, failed attempts of tasks aside; what is large counts for several.

    Returns:
        How many of the rows are left. None: there may be more of the run.
    """
    rows -= await _delete_tasks(tx, run.run_no, rows)
    for query, weight in _PARTS:
        if rows > 0:
            most = max(1, rows // weight)
            rows = _left(rows, await tx.run(query, run.run_no, most), most, weight)
    if rows > 0:
        most = max(1, rows // _VALUE)
        deleted = await key_values.delete_of_run(tx, abs(run.environment_no), run_id=run.id, limit=most)
        rows = _left(rows, deleted, most, _VALUE)
    return max(0, rows)


async def _delete_tasks(tx: Session, run_no: int, rows: int) -> int:
    """Delete tasks of a run; for how many rows they count. As many as may be deleted, if there are more."""
    chosen: list[int] = []
    counted = 0
    for row in await tx.all("list_some_tasks", run_no, rows):
        task_no, size = cast("tuple[int, int]", row)
        chosen.append(task_no)
        counted += 1 + size // BYTES_OF_A_ROW
        if counted >= rows:
            break
    if chosen:
        numbers = number_list(chosen)
        await tx.run("delete_attempts", numbers)
        await tx.run("delete_tasks", numbers)
    return counted


def _left(rows: int, deleted: int, most: int, weight: int) -> int:
    return 0 if deleted == most else rows - deleted * weight


async def retire_run(tx: Session, run_no: int) -> None:
    """Let nobody find a run any more that is being deleted."""
    await tx.run("retire_run", run_no)


async def delete_run(tx: Session, run_no: int) -> None:
    """Delete a run, of which nothing else is left."""
    await tx.run("delete_run", run_no)


async def delete_event_if_unused(tx: Session, event_no: int) -> bool:
    """Delete an event that has no run, and of which nothing is due."""
    return await tx.run("delete_event_if_unused", event_no) == 1


async def find_ticked_schedule(tx: Session, *, after: int) -> tuple[int, datetime] | None:
    """Find the next schedule behind this number that has ticked, and its oldest tick."""
    row = await tx.one("next_ticked_schedule", after)
    if row is None:
        return None
    schedule_no, tick_at = cast("tuple[int, int]", row)
    return schedule_no, from_ms(tick_at)


async def find_schedule_environment(tx: Session, schedule_no: int) -> int | None:
    """Look up which environment a schedule is of."""
    row = await tx.one("find_schedule_environment", schedule_no)
    return None if row is None else cast("tuple[int]", row)[0]


async def count_expired(
    tx: Session, what: Literal["runs", "events"], environment_no: int, *, cutoff: datetime, after: int, limit: int
) -> ExpiredStretch:
    """Count what of a stretch behind a number, in the order of creation, is old enough to be deleted."""
    args = (environment_no, to_ms(cutoff), after, limit)
    if what == "runs":
        row = await tx.one("count_expired_runs", *args)
    else:
        row = await tx.one("count_expired_events", *args)
    looked_at, last_no, created_at, expired, values = cast("tuple[int, int | None, int | None, int, int]", row)
    is_last = looked_at < limit or created_at is None or from_ms(created_at) > cutoff
    return ExpiredStretch(expired, values, None if is_last else last_no)


async def delete_ticks(tx: Session, schedule_no: int, *, cutoff: datetime, limit: int) -> int:
    """Delete ticks of a schedule that are so old, the oldest first; how many."""
    return await tx.run("delete_some_ticks", schedule_no, to_ms(cutoff), limit)


def _read_aged(row: Sequence[object]) -> Aged:
    number, environment_no, created_at, ended_at, size = cast("tuple[int, int, int, int | None, int]", row)
    return Aged(number, environment_no, from_ms(created_at), from_ms_or_none(ended_at), size)
