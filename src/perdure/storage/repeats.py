"""Runs that are run once more, and runs that go on after an end without success (v2 protocol, section 6.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec import Struct

from perdure.storage.instants import from_ms, to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.storage.interface import Session


class RepeatableRun(Struct, frozen=True, gc=False):
    """What a run is a run of."""

    event_no: int
    event_id: str
    job_no: int
    job_id: str
    version_no: int
    version: str


async def find_repeatable(tx: Session, environment_no: int, *, run_id: str) -> RepeatableRun | None:
    """Look up what a run is a run of."""
    row = await tx.one("find_repeatable_run", run_id, environment_no)
    return None if row is None else RepeatableRun(*cast("tuple[int, str, int, str, int, str]", row))


async def copy_event(tx: Session, event_no: int, *, event_id: str, now: datetime) -> int | None:
    """Store an event once more, as delivered now; its number, or ``None`` if the environment has one with this id."""
    row = await tx.one("copy_event", event_id, to_ms(now), event_no)
    return None if row is None else cast("tuple[int]", row)[0]


async def insert_run(
    tx: Session, environment_no: int, *, run_id: str, source: RepeatableRun, event_no: int, now: datetime
) -> None:
    """Create a run in line that repeats another, on an event of its own."""
    await tx.run("insert_repeated_run", run_id, environment_no, source.job_no, source.version_no, event_no, to_ms(now))


async def continue_if_unsuccessful(tx: Session, run_no: int, *, now: datetime) -> bool:
    """Put a run back in line that has ended without success; what it has counted against it is forgotten."""
    return await tx.run("continue_if_unsuccessful", to_ms(now), run_no) == 1


async def reopen_tasks(tx: Session, run_no: int, *, now: datetime) -> datetime | None:
    """Let the tasks of a run that are ERRORED or CANCELED be executed anew; those that are COMPLETED stay.

    Returns:
        When the first of them is due that wait for a time.
    """
    await tx.run("delete_attempts_of_reopened", run_no)
    await tx.run("reopen_tasks", to_ms(now), run_no)
    due = [cast("tuple[int]", row)[0] for row in await tx.all("set_timers_of_reopened", run_no)]
    return from_ms(min(due)) if due else None
