"""Lists of runs that have not ended, newest first: by job and by event."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from perdure.storage.interface import Session


async def list_active_of_job(
    tx: Session, job_no: int, *, below: int, limit: int
) -> tuple[list[tuple[int, str]], int | None]:
    """Look at so many runs of a job below a number.

    Returns:
        Number and id of those that have not ended, and below which number to go on, ``None`` if there are no more.
    """
    rows = [
        cast("tuple[int, str | None]", row) for row in await tx.all("list_active_runs_of_job", job_no, below, limit)
    ]
    active = [(run_no, run_id) for run_no, run_id in rows if run_id is not None]
    return active, rows[-1][0] if len(rows) == limit else None


async def list_active_of_event(tx: Session, environment_no: int, *, event_id: str) -> list[tuple[int, str]]:
    """List the runs of an event that have not ended: number and id."""
    return [cast("tuple[int, str]", row) for row in await tx.all("list_active_runs_of_event", environment_no, event_id)]
