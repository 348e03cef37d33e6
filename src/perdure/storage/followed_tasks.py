"""What has changed of a run's tasks and statuses since a follower last looked.

A task changes only until it has its outcome. So whoever has seen every task up to a number need look only at those
behind it, and again at those that had no outcome: no column of the tasks, and no index, tells when they have changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.runs import RunTaskAnswer
from perdure.protocol.state import StatusAnswer
from perdure.storage import run_statuses
from perdure.storage.json_lists import number_list
from perdure.storage.shown_tasks import read_answer
from perdure.storage.sizes import take_fitting

if TYPE_CHECKING:
    from collections.abc import Collection

    from perdure.storage.interface import Session

MOST_TASKS = 200
"""How many tasks are read in one look."""

MOST_BYTES = 4 * 1024 * 1024
"""How many bytes the tasks read in one look may hold together, if they are more than one."""


class Seen(Struct):
    """What a follower has seen of a run.

    Attributes:
        last_no: Every task up to this number was seen.
        open: Those that had no outcome then, by their numbers, each with how it was.
        statuses: The statuses likewise, by their keys.
    """

    last_no: int
    open: dict[int, tuple[Any, ...]]
    statuses: dict[str, tuple[Any, ...]]


class Changes(Struct, frozen=True):
    """What a follower sees now.

    ``is_whole``: there is no more to see; if not, it is to look again.
    """

    tasks: list[RunTaskAnswer]
    statuses: list[StatusAnswer]
    seen: Seen
    is_whole: bool


async def read_changes(tx: Session, run_no: int, seen: Seen) -> Changes:
    """Read what has changed of a run since somebody looked.

    Args:
        tx: An open transaction.
        run_no: The run.
        seen: What was seen then; it stays as it is.
    """
    open_rows = await _read_marks(tx, seen.open)
    marks = {row[0]: tuple(row[3:]) for row in open_rows}
    changed = [row for row in open_rows if seen.open[row[0]] != marks[row[0]]]
    fresh: list[Any] = await tx.all("sizes_of_new_tasks", run_no, seen.last_no, MOST_TASKS)
    candidates = [*changed, *fresh]
    numbers, rest = take_fitting([row[:3] for row in candidates[:MOST_TASKS]], most=MOST_BYTES)
    is_whole = rest is None and len(candidates) <= MOST_TASKS
    rows: list[Any] = await tx.all("list_tasks_by_number", number_list(numbers))
    found = {cast("int", row[0]): read_answer(row[1:]) for row in rows}
    # One whose marks are gone was deleted; one that was not taken this time is, the next time.
    still_open = {number: mark for number, mark in seen.open.items() if number in marks and number not in found}
    new_open = [number for number, task in found.items() if not task.status.is_final]
    still_open |= {row[0]: tuple(row[3:]) for row in await _read_marks(tx, new_open)}
    last_no = max(seen.last_no, *found) if found else seen.last_no
    statuses, status_marks = await _read_statuses(tx, run_no, seen)
    is_whole = is_whole and len(fresh) < MOST_TASKS
    return Changes(list(found.values()), statuses, Seen(last_no, still_open, status_marks), is_whole)


async def _read_marks(tx: Session, task_nos: Collection[int]) -> list[Any]:
    return list(await tx.all("marks_of_tasks", number_list(task_nos))) if task_nos else []


async def _read_statuses(tx: Session, run_no: int, seen: Seen) -> tuple[list[StatusAnswer], dict[str, tuple[Any, ...]]]:
    marks = {cast("str", row[1]): tuple(row[2:]) for row in await tx.all("marks_of_statuses", run_no)}
    changed: list[StatusAnswer] = []
    for key, mark in marks.items():
        if seen.statuses.get(key) != mark:
            status = await run_statuses.find(tx, run_no, key=key)
            if status is not None:
                changed.append(status)
    return changed, marks
