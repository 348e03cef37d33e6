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


class DueRun(Struct, frozen=True, gc=False):
    """A run in line whose time has come.

    ``losses`` counts the executions in a row that ended with the death of their process; ``spent_ms`` is for how long
    it has been executed; ``limit_no`` is the concurrency limit that its job is under.
    """

    run_no: int
    job_no: int
    job_id: str
    fruitless: int
    failures: int
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


async def postpone_if_in_line(tx: Session, run_no: int, *, until: datetime, why: str, now: datetime) -> None:
    """Leave a run in line for later, because nothing here can execute it."""
    await tx.run("postpone_if_in_line", to_due_ms(until), why, to_ms(now), run_no)


async def hasten_postponed(tx: Session, job_nos: Iterable[int], *, now: datetime) -> int:
    """Make runs of these jobs that were put off due now; how many."""
    return await tx.run("hasten_postponed", to_ms(now), number_list(job_nos))


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
