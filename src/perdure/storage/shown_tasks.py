"""Tasks of runs as they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.errors import InvalidArgumentError
from perdure.protocol.runs import RunTaskAnswer
from perdure.protocol.statuses import TaskStatus
from perdure.storage.instants import from_ms, from_ms_or_none
from perdure.storage.json_lists import number_list, read_error
from perdure.storage.sizes import take_fitting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.storage.interface import Session

_STATUSES: dict[str, TaskStatus] = {str(status): status for status in TaskStatus}


async def list_page(
    tx: Session, run_no: int, *, cursor: str, limit: int, subtasks: bool, has_lines: bool = False
) -> tuple[list[RunTaskAnswer], str | None]:
    """List tasks as they are shown, from a task id on; without ``subtasks`` the top level.

    Log lines stand apart, unless ``has_lines``.

    Returns:
        The tasks, and the id that the next page begins with; ``None`` if there are no more.

    Raises:
        InvalidArgumentError: The cursor is not one of these tasks.
    """
    query = "page_of_tasks" if subtasks else "page_of_top_tasks"
    rows: list[Any] = await tx.all(query, run_no, cursor, has_lines, limit + 1)
    if cursor and (not rows or rows[0][3] != cursor):
        raise InvalidArgumentError(f"cursor={cursor!r:.60} is not the next_cursor of a page of this run.")
    numbers, rest = take_fitting([row[:3] for row in rows[:limit]])
    following = [row[3] for row in rows if row[0] == rest] if rest is not None else [row[3] for row in rows[limit:]]
    return await _read_shown(tx, numbers), following[0] if following else None


async def list_log(tx: Session, run_no: int, *, limit: int) -> list[RunTaskAnswer]:
    """List the first lines of a run's log, oldest first."""
    return await _read_shown(tx, take_fitting(await tx.all("page_of_log", run_no, limit))[0])


async def _read_shown(tx: Session, task_nos: Sequence[int]) -> list[RunTaskAnswer]:
    """Read tasks by their numbers, in the order of their ids."""
    if not task_nos:
        return []
    return [read_answer(row[1:]) for row in await tx.all("list_tasks_by_number", number_list(task_nos))]


def read_answer(row: Any) -> RunTaskAnswer:
    """Read a task as it is shown from the columns that a query gives in the order of `RunTaskAnswer`."""
    (task_id, parent, key, name, status, noop, operation, params, output, error, attempts, details, shown, started,
     completed, delay) = row  # fmt: skip
    return RunTaskAnswer(
        task_id, parent, key, name, _STATUSES[status], noop == 1, operation, params, output, read_error(error),
        attempts, details, shown, from_ms(started), from_ms_or_none(completed), from_ms_or_none(delay),
    )  # fmt: skip
