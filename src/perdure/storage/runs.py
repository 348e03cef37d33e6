"""Runs: created once per event, dispatcher and job; looked up; woken; cancelled."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.execution import ErrorInfo, JsonText
from perdure.protocol.statuses import RunStatus
from perdure.storage.instants import from_ms, from_ms_or_none, to_ms
from perdure.storage.json_lists import read_error, read_texts

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from perdure.storage.interface import Session

_STATUSES: dict[str, RunStatus] = {str(status): status for status in RunStatus}


class NewRun(Struct, frozen=True, gc=False):
    """A run about to be created; ``dispatcher_no`` 0: it was invoked."""

    id: str
    job_no: int
    job_id: str
    version_no: int
    version: str
    dispatcher_no: int = 0


class RunRow(Struct, frozen=True, gc=False):
    """A run as it is shown; ``available_at`` is set while it is in line.

    ``limit`` is set while it takes, or stands aside for want of, a place of a concurrency limit: how many there are,
    and the group that has them if they are not the job's own.
    """

    run_no: int
    id: str
    status: RunStatus
    job_id: str
    version: str
    event_id: str
    epoch: int
    created_at: datetime
    started_at: datetime | None
    updated_at: datetime
    completed_at: datetime | None
    available_at: datetime | None
    output: JsonText | None
    error: ErrorInfo | None
    warnings: tuple[str, ...]
    why: str | None
    limit: tuple[int, str | None] | None
    properties: JsonText | None


class EventRun(Struct, frozen=True, gc=False):
    """The first run that an event started."""

    run_no: int
    id: str
    has_ended: bool


class RunState(Struct, frozen=True, gc=False):
    """Where a run stands; ``epoch`` counts its executions."""

    id: str
    job_id: str
    status: str
    epoch: int


class WokenRun(Struct, frozen=True, gc=False):
    """A run one of whose waits is over: it is in line now, or EXECUTING, held by a node."""

    run_no: int
    id: str
    status: RunStatus
    epoch: int
    node_no: int | None


async def insert_queued(tx: Session, environment_no: int, *, run: NewRun, event_no: int, now: datetime) -> int | None:
    """Create a run in line for its first execution; its number, or ``None`` if the event started it already."""
    row = await tx.one(
        "insert_queued_run", run.id, environment_no, run.job_no, run.version_no, event_no, run.dispatcher_no, to_ms(now)
    )
    return None if row is None else cast("tuple[int]", row)[0]


async def insert_claimed(
    tx: Session, environment_no: int, *, run: NewRun, event_no: int, node_no: int, now: datetime
) -> int | None:
    """Create a run whose first execution a node holds at once; its number, or ``None`` as `insert_queued`."""
    row = await tx.one(
        "insert_claimed_run", run.id, environment_no, run.job_no, run.version_no, event_no, run.dispatcher_no, node_no,
        to_ms(now),
    )  # fmt: skip
    return None if row is None else cast("tuple[int]", row)[0]


async def find_run(tx: Session, environment_no: int, *, run_id: str) -> RunRow | None:
    """Look a run up by its id."""
    row = await tx.one("find_run", run_id, environment_no)
    return None if row is None else read_run_row(row)


async def find_number(tx: Session, environment_no: int, *, run_id: str) -> int | None:
    """Look up the number of a run."""
    row = await tx.one("find_run_no", run_id, environment_no)
    return None if row is None else cast("tuple[int]", row)[0]


async def find_id(tx: Session, run_no: int) -> str | None:
    """Look up the id of a run."""
    row = await tx.one("find_run_id", run_no)
    return None if row is None else cast("tuple[str]", row)[0]


async def list_states(tx: Session, environment_no: int) -> list[RunState]:
    """List all runs of an environment in the order of their creation."""
    return [
        RunState(*cast("tuple[str, str, str, int]", row)) for row in await tx.all("list_run_states", environment_no)
    ]


async def find_of_event(tx: Session, environment_no: int, *, event_id: str) -> EventRun | None:
    """Look up the first run that an event started."""
    row = await tx.one("find_run_of_event", environment_no, event_id)
    if row is None:
        return None
    run_no, run_id, has_ended = cast("tuple[int, str, int]", row)
    return EventRun(run_no, run_id, has_ended == 1)


async def find_state(tx: Session, run_no: int) -> tuple[RunStatus, int] | None:
    """Look up who may write to a run: its status and epoch."""
    row = await tx.one("find_run_state", run_no)
    if row is None:
        return None
    status, epoch = cast("tuple[str, int]", row)
    return RunStatus(status), epoch


async def find_writer(tx: Session, environment_no: int, *, run_id: str) -> tuple[int, RunStatus, int] | None:
    """Look up a run's number, and who may write to it: its status and epoch."""
    row = await tx.one("find_run_writer", run_id, environment_no)
    if row is None:
        return None
    run_no, status, epoch = cast("tuple[int, str, int]", row)
    return run_no, _STATUSES[status], epoch


async def wake(tx: Session, run_nos: Iterable[int], *, fruitful: Container[int], now: datetime) -> list[WokenRun]:
    """Put runs that wait back in line; runs at work stay so, and are returned with the node that holds them.

    Args:
        tx: An open write transaction, in which waits of these runs were resolved.
        run_nos: The runs.
        fruitful: Those among them one of whose tasks is now COMPLETED.
        now: The engine clock's time.
    """
    now_ms = to_ms(now)
    woken: list[WokenRun] = []
    # Many at once would cost each a third less, but one alone, which is the common case, twice as much.
    for run_no in run_nos:
        row = await tx.one("wake_run", now_ms, run_no in fruitful, run_no)
        if row is not None:
            number, run_id, status, epoch, node_no = cast("tuple[int, str, str, int, int | None]", row)
            woken.append(WokenRun(number, run_id, RunStatus(status), epoch, node_no))
    return woken


async def cancel_if_active(tx: Session, run_no: int, *, now: datetime) -> bool:
    """Cancel a run that has not ended."""
    return await tx.run("cancel_if_active", to_ms(now), run_no) == 1


async def list_held(tx: Session, node_no: int) -> list[tuple[int, str, int]]:
    """List the runs a node holds: number, id, epoch."""
    return [cast("tuple[int, str, int]", row) for row in await tx.all("list_held_runs", node_no)]


async def list_overdue(
    tx: Session, node_no: int, *, most: timedelta, now: datetime
) -> list[tuple[int, str, int, timedelta]]:
    """List the runs a node holds that have been executed for so long in all: number, id, epoch, and for how long."""
    rows = await tx.all("list_overdue_runs", to_ms(now), node_no, most // timedelta(milliseconds=1))
    return [
        (run_no, run_id, epoch, timedelta(milliseconds=spent_ms))
        for run_no, run_id, epoch, spent_ms in cast("list[tuple[int, str, int, int]]", rows)
    ]


async def lose_of_node(tx: Session, node_no: int, *, is_fruitless: bool, now: datetime) -> list[str]:
    """Put every run that a node held back in line; their ids.

    Args:
        tx: An open write transaction.
        node_no: A node that is dead, or that stops.
        is_fruitless: Whether an execution that completed no task counts as fruitless.
        now: The engine clock's time.
    """
    rows = await tx.all("lose_runs_of_node", to_ms(now), is_fruitless, node_no)
    return [cast("tuple[str]", row)[0] for row in rows]


def read_run_row(row: Any) -> RunRow:
    """Read a run from the columns that a query gives in the order of `RunRow`."""
    (number, rid, status, job, version, event, epoch, created, started, updated, completed, available, output, error,
     warnings, why, most, group, properties) = row  # fmt: skip
    return RunRow(
        number, rid, RunStatus(status), job, version, event, epoch, from_ms(created), from_ms_or_none(started),
        from_ms(updated), from_ms_or_none(completed), from_ms_or_none(available), output, read_error(error),
        read_texts(warnings), why, None if most is None else (most, group),
        properties,
    )  # fmt: skip
