"""Tasks that wait for runs to end. Which are still missing is asked of the rows, so no counter can be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from perdure.protocol.json_text import JsonText
    from perdure.storage.interface import Session


async def insert_awaited(
    tx: Session, task_no: int, *, position: int, run_no: int, notification: JsonText | None
) -> None:
    """Let a task wait for a run, or note what one came to that has ended already."""
    await tx.run("insert_awaited_run", position, run_no, notification, task_no)


async def is_awaited(tx: Session, run_no: int) -> bool:
    """Say whether a task waits for a run."""
    return cast("tuple[int]", await tx.one("is_run_awaited", run_no))[0] == 1


async def end_awaited(tx: Session, run_no: int, notification: JsonText) -> list[int]:
    """Note what a run came to for every task that waits for it; the numbers of those that wait for nothing more."""
    rows = await tx.all("end_awaited_run", notification, run_no)
    task_nos = dict.fromkeys(cast("tuple[int]", row)[0] for row in rows)
    return [task_no for task_no in task_nos if not await is_missing(tx, task_no)]


async def is_missing(tx: Session, task_no: int) -> bool:
    """Say whether a task still waits for a run."""
    return cast("tuple[int]", await tx.one("is_run_missing", task_no))[0] == 1


async def list_notifications(tx: Session, task_no: int) -> list[JsonText]:
    """List what the runs that a task waited for came to, in the order of its call."""
    return [cast("tuple[JsonText]", row)[0] for row in await tx.all("list_awaited_runs", task_no)]
