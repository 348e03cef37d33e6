"""What a database can be measured by, without looking at every row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.statuses import RunStatus
from perdure.storage.instants import to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.storage.interface import Session

_MS_PER_SECOND = 1000
_MS_PER_HOUR = 3_600_000
FIRST_HOUR = 0
LAST_HOUR = 2**62
"""Before and behind every hour in which a run can end."""


class EndedRuns(Struct, frozen=True):
    """How many runs of an environment have ended with a status, and for how many seconds they were executed."""

    environment_no: int
    status: RunStatus
    runs: int
    seconds: float


def hour_of(instant: datetime) -> int:
    """The number of the hour that an instant lies in."""
    return to_ms(instant) // _MS_PER_HOUR


async def count_ended(tx: Session, *, first: int = FIRST_HOUR, beyond: int = LAST_HOUR) -> list[EndedRuns]:
    """Count the runs that have ended in the hours from ``first`` on and before ``beyond``."""
    rows: list[Any] = await tx.all("count_ended_runs", first, beyond)
    return [
        EndedRuns(environment_no, RunStatus(status), runs, ms / _MS_PER_SECOND)
        for environment_no, status, runs, ms in rows
    ]


async def count_due(tx: Session, *, now: datetime, most: int) -> dict[int, int]:
    """Count the runs of each environment that are in line and due; not more than so many are looked at."""
    return dict(cast("list[tuple[int, int]]", await tx.all("count_due_runs", to_ms(now), most)))
