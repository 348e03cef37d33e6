"""The line of runs that are ready: who is due, and who takes them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.execution import AccountInfo, ErrorInfo, EventInfo, SourceInfo
from perdure.storage.instants import from_ms, from_ms_or_none, to_due_ms, to_ms
from perdure.storage.json_lists import error_text, number_list, read_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from perdure.protocol.statuses import RunStatus
    from perdure.storage.interface import Session


_LAST = 2**63 - 1
"""Behind every run of an instant."""


class DueRun(Struct, frozen=True, gc=False):
    """A run in line whose time has come.

    ``misses`` counts how often in a row its code was not there, ``losses`` the executions in a row that ended with the
    death of their process; ``spent_ms`` is for how long it has been executed; ``limit_no`` is the concurrency limit
    that its job is under.
    """

    run_no: int
    job_no: int
    job_id: str
    fruitless: int
    misses: int
    losses: int
    spent_ms: int
    limit_no: int | None
    environment_no: int


class ClaimedRun(Struct, frozen=True, gc=False):
    """What an execution begins with."""

    run_no: int
    id: str
    epoch: int
    environment_no: int
    job_no: int
    job_id: str
    version: str
    executing_since: datetime
    started_at: datetime
    yielded: tuple[str, ...]
    event: EventInfo
    is_test: bool
    account: AccountInfo | None
    source: SourceInfo | None
    is_retry: bool = False
    losses: int = 0


class WaitingRun(Struct, frozen=True, gc=False):
    """A run that waits, as its next execution would begin with it; the rest is as in `DueRun`."""

    next: ClaimedRun
    fruitless: int
    spent_ms: int
    limit_no: int | None


async def next_due(tx: Session) -> datetime | None:
    """When the first run in line is due."""
    row = await tx.one("next_run_due")
    return None if row is None else from_ms_or_none(cast("tuple[int | None]", row)[0])


async def list_due(tx: Session, *, now: datetime, limit: int) -> list[DueRun]:
    """List runs in line that are due, first due first."""
    return [
        DueRun(*cast("tuple[int, int, str, int, int, int, int, int | None, int]", row))
        for row in await tx.all("list_due_runs", to_ms(now), limit)
    ]


async def claim_if_in_line(tx: Session, run_nos: Sequence[int], *, node_no: int, now: datetime) -> list[ClaimedRun]:
    """Let a node hold runs that are in line, each under its next epoch; those it got, oldest first."""
    now_ms = to_ms(now)
    for run_no in run_nos:
        await tx.run("claim_if_in_line", node_no, now_ms, run_no)
    return [_read_claimed(row) for row in await tx.all("list_claimed_runs", number_list(run_nos), node_no)]


async def find_waiting(tx: Session, run_no: int, *, now: datetime) -> WaitingRun | None:
    """Look up a run that waits, and need not wait for others of a block, as it would be executed now."""
    row = await tx.one("find_waiting_run", to_ms(now), run_no)
    if row is None:
        return None
    fruitless, spent_ms, limit_no = cast("tuple[int, int, int | None]", row[-3:])
    return WaitingRun(_read_claimed(row[:-3]), fruitless, spent_ms, limit_no)


async def claim_if_waiting(tx: Session, run_no: int, *, node_no: int, is_fruitful: bool, now: datetime) -> None:
    """Let a node hold a run that waits, under its next epoch.

    Args:
        tx: An open write transaction, in which a wait of the run was resolved.
        run_no: The run.
        node_no: The node.
        is_fruitful: Whether one of its tasks is now COMPLETED.
        now: The engine clock's time.
    """
    await tx.run("claim_if_waiting", node_no, to_ms(now), is_fruitful, run_no)


async def postpone_if_in_line(
    tx: Session, run_no: int, *, until: datetime, misses: int, why: str, now: datetime
) -> None:
    """Leave a run in line for later, or until its code is there, which it was not so often in a row, now included."""
    await tx.run("postpone_if_in_line", to_due_ms(until), misses, why, to_ms(now), run_no)


class LinePlace(Struct, frozen=True, gc=False):
    """Where a run stands in line."""

    at_ms: int
    run_no: int


async def hasten_some_postponed(
    tx: Session, job_nos: Iterable[int], *, after: LinePlace | None, limit: int, now: datetime
) -> LinePlace | None:
    """Make runs of these jobs due now that wait for their code, as far as they stand in a stretch of the line.

    Args:
        tx: An open write transaction.
        job_nos: The jobs.
        after: Where the stretch begins; ``None``: at the first run that was put off.
        limit: How many runs it has, of any job.
        now: The time.

    Returns:
        Where the stretch ends, if more may follow.
    """
    now_ms = to_ms(now)
    begin = LinePlace(now_ms, _LAST) if after is None else after
    found: list[Any] = await tx.all("list_postponed", number_list(job_nos), begin.at_ms, begin.run_no, limit)
    chosen = [run_no for run_no, _, is_chosen in found if is_chosen]
    if chosen:
        await tx.run("hasten_postponed", now_ms, number_list(chosen))
    if len(found) < limit:
        return None
    run_no, at_ms, _ = found[-1]
    return LinePlace(at_ms, run_no)


async def put_off_if_in_line(tx: Session, run_no: int, *, until: datetime, why: str, now: datetime) -> None:
    """Leave a run in line for later, though it could be executed."""
    await tx.run("put_off_if_in_line", to_due_ms(until), why, to_ms(now), run_no)


async def end_if_in_line(tx: Session, run_no: int, *, status: RunStatus, error: ErrorInfo, now: datetime) -> str | None:
    """End a run in line; its id, or ``None`` if it was not in line."""
    row = await tx.one("end_if_in_line", status, to_ms(now), error_text(error), run_no)
    return None if row is None else cast("tuple[str]", row)[0]


def _read_claimed(row: Any) -> ClaimedRun:
    (number, run_id, epoch, environment_no, job_no, job_id, version, since, started, yielded, event_id, name, payload,
     context, timestamp, is_test, account, account_data, source, source_data, is_retry, losses) = row  # fmt: skip
    return ClaimedRun(
        number, run_id, epoch, environment_no, job_no, job_id, version, from_ms(since), from_ms(started),
        read_texts(yielded), EventInfo(event_id, name, payload, context, from_ms(timestamp)), is_test == 1,
        None if account is None else AccountInfo(account, account_data),
        None if source is None else SourceInfo(source, source_data), is_retry == 1, losses,
    )  # fmt: skip
