"""Pages of an environment's runs, newest first, by job and status, on databases of a million runs and more.

No page reads more than a bounded number of rows. Where an index knows which runs are meant, it is asked: those that
ended without success, those that execute, and a short line. All others are looked for one after another, newest first,
and if few of a great many fit, a page ends before it is full: the next one goes on from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec import Struct

from perdure.protocol.statuses import RunStatus
from perdure.storage.instants import to_ms
from perdure.storage.json_lists import number_list, text_list
from perdure.storage.runs import RunRow, read_run_row
from perdure.storage.sizes import take_fitting
from perdure.storage.stretches import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from perdure.storage.interface import Session

SHORT_LINE = 2000
"""A line of so many runs is read whole."""

_IN_LINE = frozenset({RunStatus.QUEUED, RunStatus.WAITING_TO_EXECUTE})


class Wanted(Struct, frozen=True):
    """Which runs a page is of.

    Attributes:
        environment_no: Their environment.
        job_nos: Their jobs: one, or all of the environment.
        is_of_one_job: Whether it is one that was asked for.
        statuses: Their statuses; none: any.
        first: The number that the page begins with.
        limit: How many there may be.
    """

    environment_no: int
    job_nos: tuple[int, ...]
    is_of_one_job: bool
    statuses: tuple[RunStatus, ...]
    first: int
    limit: int


async def list_page(tx: Session, wanted: Wanted) -> tuple[list[RunRow], int | None]:
    """List a page of runs; and from which number on to look for more, ``None`` if there are no more."""
    known, rest = await _ask_indexes(tx, wanted)
    walked: list[int] = []
    # Below this number there may be runs that were not looked at.
    goes_on: int | None = None
    if rest or not wanted.statuses:
        walked, goes_on = await _walk(tx, wanted, rest)
    numbers = sorted({*known, *walked}, reverse=True)
    if goes_on is not None:
        numbers = [number for number in numbers if number > goes_on]
    if len(numbers) > wanted.limit:
        numbers, goes_on = numbers[: wanted.limit], numbers[wanted.limit]
    numbers, rest = take_fitting(await tx.all("sizes_of_runs", number_list(numbers)))
    goes_on = goes_on if rest is None else rest
    rows = await tx.all("list_runs_by_number", number_list(numbers), wanted.environment_no)
    return [run for run in map(read_run_row, rows) if not wanted.statuses or run.status in wanted.statuses], goes_on


async def _ask_indexes(tx: Session, wanted: Wanted) -> tuple[set[int], tuple[RunStatus, ...]]:
    """Find runs whose statuses an index knows; and the statuses that have to be looked for."""
    found: set[int] = set()
    rest: list[RunStatus] = []
    in_line: list[int] | None = None
    for status in dict.fromkeys(wanted.statuses):
        if status.is_final and status is not RunStatus.SUCCESS:
            for job_no in wanted.job_nos:
                rows = await tx.all("unsuccessful_runs_of_job", job_no, status, wanted.first, wanted.limit + 1)
                found.update(_numbers(rows))
        elif status is RunStatus.EXECUTING:
            found.update(await _only_of(tx, wanted, _numbers(await tx.all("executing_runs", wanted.first))))
        elif status in _IN_LINE:
            in_line = await _read_line(tx) if in_line is None else in_line
            if len(in_line) < SHORT_LINE:
                found.update(await _only_of(tx, wanted, in_line))
            else:
                rest.append(status)
        else:
            rest.append(status)
    return found, tuple(rest)


async def _read_line(tx: Session) -> list[int]:
    in_line = _numbers(await tx.all("some_runs_in_line", SHORT_LINE))
    return in_line + _numbers(await tx.all("some_runs_aside", SHORT_LINE))


async def _only_of(tx: Session, wanted: Wanted, numbers: Sequence[int]) -> list[int]:
    """Keep the newest of those that are wanted, one more than fit."""
    jobs = number_list(wanted.job_nos)
    below = [number for number in numbers if number <= wanted.first]
    rows = await tx.all(
        "pick_runs", number_list(below), jobs, text_list(wanted.statuses), wanted.environment_no, wanted.limit + 1
    )
    return _numbers(rows)


async def _walk(tx: Session, wanted: Wanted, statuses: tuple[RunStatus, ...]) -> tuple[list[int], int | None]:
    named = text_list(statuses) if statuses else None
    if wanted.is_of_one_job:
        query, args = "runs_of_job_from", (wanted.environment_no, named, *wanted.job_nos)
    else:
        query, args = "runs_from", (wanted.environment_no, named)
    return await walk(tx, query, *args, first=wanted.first, limit=wanted.limit)


def _numbers(rows: Iterable[tuple[object, ...]]) -> list[int]:
    return [cast("int", row[0]) for row in rows]


async def list_by_id(tx: Session, environment_no: int, run_ids: Sequence[str]) -> list[RunRow]:
    """List runs of an environment by their ids, in the order in which they have changed."""
    return [read_run_row(row) for row in await tx.all("list_runs_by_id", text_list(run_ids), environment_no)]


async def list_created_after(tx: Session, environment_no: int, *, after: int, limit: int) -> tuple[list[str], int]:
    """List the ids of an environment's runs behind a number, looking at so many runs; and up to which was looked."""
    rows = await tx.all("runs_created_after", environment_no, after, limit)
    return [cast("str", run_id) for _, run_id in rows if run_id is not None], cast(
        "int", rows[-1][0]
    ) if rows else after


async def find_newest(tx: Session) -> int:
    """Give the number of the newest run of all."""
    return cast("tuple[int]", await tx.one("newest_run_no"))[0]


async def list_changed_since(
    tx: Session, environment_no: int, *, since: datetime, first: int, limit: int
) -> tuple[list[str], int]:
    """List the ids of runs that have changed since then, from a number downwards; and with which to go on, or 0."""
    rows = await tx.all("runs_changed_since", environment_no, to_ms(since), first, limit)
    ids = [cast("str", run_id) for _, run_id in rows if run_id is not None]
    return ids, cast("int", rows[-1][0]) - 1 if len(rows) == limit else 0
