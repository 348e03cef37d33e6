"""The statuses that runs show."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from perdure.protocol.state import StatusAnswer
from perdure.storage.instants import to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.protocol.execution import JsonText
    from perdure.protocol.state import StatusState
    from perdure.storage.interface import Row, Session


async def find(tx: Session, run_no: int, *, key: str) -> StatusAnswer | None:
    """Look a status up."""
    row = await tx.one("find_status", run_no, key)
    return None if row is None else _read(row)


async def count(tx: Session, run_no: int) -> int:
    """Count the statuses of a run."""
    return cast("tuple[int]", await tx.one("count_statuses", run_no))[0]


async def put(tx: Session, run_no: int, *, status: StatusAnswer, now: datetime) -> None:
    """Store a status in place of what its key had."""
    await tx.run(
        "put_status", run_no, status.key, status.label, status.state, status.data, status.history, to_ms(now)
    )  # fmt: skip


async def list_of_run(tx: Session, run_no: int) -> list[StatusAnswer]:
    """List the statuses of a run in the order of their creation."""
    return [_read(row) for row in await tx.all("list_statuses", run_no)]


def _read(row: Row) -> StatusAnswer:
    return StatusAnswer(*cast("tuple[str, str, StatusState | None, JsonText | None, JsonText]", row))
