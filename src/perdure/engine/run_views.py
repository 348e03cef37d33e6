"""Runs as they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import dump, load
from perdure.protocol.redacted import REDACTED_MARK, mask_redacted, redact_paths
from perdure.protocol.runs import RunAnswer, RunPageAnswer, RunTaskAnswer
from perdure.protocol.state import StatusAnswer
from perdure.protocol.statuses import RunStatus
from perdure.storage import run_statuses, runs, shown_tasks, tasks
from perdure.storage.runs import RunRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from perdure.storage.interface import Session

Waits = list[tuple[str, str, "datetime | None"]]
"""What a run waits for: operation, shown key, when it is due."""

MAX_LOG_LINES = 1000
"""How many log lines a run is shown with."""

_GET_AUTH = "get-auth"
_CREDENTIAL = ("accessToken", "additionalFields")


class RunView(Struct, frozen=True):
    """A run as it is read to be shown.

    Attributes:
        run: The run itself.
        waits: What it waits for.
        page: A page of its tasks.
        following: The task with which the next page begins, if one follows.
        log: The first lines of its log.
        statuses: What it shows.
    """

    run: RunRow
    waits: Waits
    page: list[RunTaskAnswer] = []
    following: str | None = None
    log: list[RunTaskAnswer] = []
    statuses: list[StatusAnswer] = []


async def read_run(
    tx: Session, environment_no: int, run_id: str, *, cursor: str, take: int, subtasks: bool, has_lines: bool = False
) -> RunView | None:
    """Read a run, a page of its tasks, its log, what it waits for, and its statuses.

    With ``has_lines`` the lines of its log stand among the tasks, and there alone.
    """
    run = await runs.find_run(tx, environment_no, run_id=run_id)
    if run is None:
        return None
    waits = await read_waits(tx, run)
    if not take:
        return RunView(run, waits)
    page, following = await shown_tasks.list_page(
        tx, run.run_no, cursor=cursor, limit=take, subtasks=subtasks, has_lines=has_lines
    )
    log = [] if has_lines else await shown_tasks.list_log(tx, run.run_no, limit=MAX_LOG_LINES)
    return RunView(run, waits, page, following, log, await run_statuses.list_of_run(tx, run.run_no))


async def read_waits(tx: Session, run: RunRow) -> Waits:
    """Read what a run waits for, two at most."""
    return await tasks.list_waits(tx, run.run_no, limit=2) if run.status is RunStatus.WAITING_TO_CONTINUE else []


async def read_statuses(tx: Session, environment_no: int, run_id: str) -> tuple[RunRow, list[StatusAnswer]] | None:
    """Read a run with its statuses alone."""
    run = await runs.find_run(tx, environment_no, run_id=run_id)
    return None if run is None else (run, await run_statuses.list_of_run(tx, run.run_no))


def explain(run: RunRow, waits: Waits) -> str | None:
    """Say why a run is not running now; ``None`` if it is, or has ended."""
    if run.available_at is not None and run.limit is not None:
        most, group = run.limit
        whose = "this job" if group is None else f"the group {group!r}" if group else "the environment"
        return f"waits for a place: at most {most} executions of {whose} are at work at once"
    if run.available_at is not None:
        return "in line" if run.why is None else f"{run.why}; tried again at {run.available_at.isoformat()}"
    if run.status is RunStatus.WAITING_ON_CONNECTIONS:
        return run.why
    if run.status is not RunStatus.WAITING_TO_CONTINUE or not waits:
        return None
    operation, key, due = waits[0]
    until = "" if due is None else f" until {due.isoformat()}"
    others = "" if len(waits) == 1 else ", and for others"
    return f"waits for {operation} {key!r}{until}{others}"


def answer_of(view: RunView) -> RunAnswer:
    """Show a run."""
    run = view.run
    return RunAnswer(
        run.id,
        run.status,
        run.job_id,
        run.version,
        run.event_id,
        run.created_at,
        run.started_at,
        run.updated_at,
        run.completed_at,
        run.output,
        run.error,
        run.epoch,
        run.warnings,
        explain(run, view.waits),
        tuple(without_secrets(task) for task in view.page),
        view.following,
        tuple(view.log),
        tuple(view.statuses),
        JsonText("[]") if run.properties is None else run.properties,
    )


def without_secrets(task: RunTaskAnswer) -> RunTaskAnswer:
    """Hide what of a task's output is not for showing.

    That is what its call names, what ``redactString`` of v2 has made, and the credential that ``io.getAuth`` has given.
    """
    is_auth = task.name == _GET_AUTH
    has_paths = task.details is not None and '"redact"' in task.details
    if task.output is None or not (is_auth or has_paths or REDACTED_MARK in task.output):
        return task
    named = () if task.details is None else load(task.details).get("redact", {}).get("paths", ())
    paths = (*named, *_CREDENTIAL) if is_auth else named
    return replace(task, output=JsonText(dump(redact_paths(mask_redacted(load(task.output)), paths))))


def page_of(found: Sequence[tuple[RunRow, Waits]], goes_on: int | None) -> RunPageAnswer:
    """Show a page of runs; ``goes_on`` is the number that the next one begins with, if one follows."""
    return RunPageAnswer(
        tuple(answer_of(RunView(run, waits)) for run, waits in found), None if goes_on is None else str(goes_on)
    )
