"""Runs, their tasks and statuses, as clients of the v2 protocol look them up (sections 4.3 and 4.4)."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from perdure.api.refusals import unfit
from perdure.api.routes import CURSOR, Parameter, Route, take
from perdure.api.v2.shapes import instant, message_answer, not_found, raw, shown_status, status_records
from perdure.engine.server_tasks import shown_status as shown_task_status
from perdure.engine.task_outputs import task_output
from perdure.errors import JsonError, NotFoundError
from perdure.protocol.json_text import load
from perdure.protocol.messages.jobs import JobRunsPage
from perdure.protocol.messages.run_statuses import RunStatusesAnswer, RunWithOutput
from perdure.protocol.messages.runs import Run, RunSummary, RunTask
from perdure.protocol.statuses import RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from perdure.api.calls import Call
    from perdure.protocol.json_text import JsonText
    from perdure.protocol.runs import RunAnswer, RunTaskAnswer

_MOST = 50
_encode = msgspec.json.Encoder().encode
_DEFAULT = 20


async def _get_run(call: Call, *, is_v1: bool) -> Response:
    has_details = call.flag("taskdetails") and call.access.is_private
    has_subtasks = call.flag("subtasks")
    try:
        run = await call.remote.get_run(
            call.part("run_id"), cursor=call.text("cursor"), take=_take(call), subtasks=has_subtasks
        )
    except NotFoundError:
        raise not_found("Run not found") from None
    return message_answer(run_message(run, is_v1=is_v1, has_details=has_details, has_subtasks=has_subtasks))


def run_message(run: RunAnswer, *, is_v1: bool, has_details: bool = False, has_subtasks: bool = False) -> Run:
    """Write a run as messages have it."""
    tasks = [_task(task, has_details=has_details, has_subtasks=has_subtasks) for task in run.tasks]
    return Run(
        **_summary(run, is_v1=is_v1),
        output=_output(run),
        tasks=_fold(run.tasks, tasks) if has_subtasks else tasks,
        statuses=status_records(run.statuses),
        next_cursor=UNSET if run.next_cursor is None else run.next_cursor,
    )


async def _get_statuses(call: Call, *, is_v1: bool) -> Response:
    run_id = call.part("run_id")
    try:
        run = await call.desk.get_run_statuses(run_id)
    except NotFoundError:
        raise not_found(f"No run found for id {run_id}") from None
    shown = RunWithOutput(id=run.id, status=shown_status(run.status, is_v1=is_v1), output=_output(run))
    return message_answer(RunStatusesAnswer(run=shown, statuses=status_records(run.statuses)))


async def list_runs(call: Call) -> Response:
    """List a page of a job's runs, newest first."""
    page = await call.desk.get_runs(call.part("job_id"), cursor=call.text("cursor"), take=_take(call))
    return message_answer(
        JobRunsPage(
            runs=[RunSummary(**_summary(run, is_v1=False)) for run in page.runs],
            next_cursor=UNSET if page.next_cursor is None else page.next_cursor,
        )
    )


def _output(run: RunAnswer) -> Raw | UnsetType:
    """Give what a run came to: of one that failed its error (v2 protocol, section 6.7)."""
    if run.error is None:
        return raw(run.output)
    told = None if run.error.data is None else load(run.error.data)
    if run.status is RunStatus.INVALID_PAYLOAD and told is not None:
        issues = [{"path": [str(step) for step in one["path"]], "message": one["message"]} for one in told["issues"]]
        return Raw(_encode(issues))
    if run.status is RunStatus.UNRESOLVED_AUTH and told is not None:
        return Raw(_encode(told))
    shown = {"name": run.error.name, "message": run.error.message}
    return Raw(_encode(shown if run.error.stack is None else {**shown, "stack": run.error.stack}))


def _take(call: Call) -> int:
    wanted = call.number("take", _DEFAULT)
    if wanted < 1:
        raise unfit("take", f"take={wanted}: a page has 1 to {_MOST} entries.")
    return min(wanted, _MOST)


def _summary(run: RunAnswer, *, is_v1: bool) -> dict[str, Any]:
    return {
        "id": run.id,
        "status": shown_status(run.status, is_v1=is_v1),
        "started_at": instant(run.started_at),
        "updated_at": instant(run.updated_at),
        "completed_at": instant(run.completed_at),
    }


def _task(task: RunTaskAnswer, *, has_details: bool, has_subtasks: bool) -> RunTask:
    return RunTask(
        id=task.id,
        display_key=task.key,
        status=shown_task_status(task),
        name=task.name,
        icon=_icon(task.details),
        started_at=instant(task.started_at),
        completed_at=instant(task.completed_at),
        subtasks=[] if has_subtasks else UNSET,
        params=raw(task.params) if has_details else UNSET,
        output=task_output(task) if has_details else UNSET,
    )


def _icon(details: JsonText | None) -> str | None:
    icon: object = None
    if details is not None:
        with suppress(JsonError, AttributeError):
            icon = load(details).get("icon")
    return icon if isinstance(icon, str) else None


def _fold(answers: Sequence[RunTaskAnswer], tasks: Sequence[RunTask]) -> list[RunTask]:
    """Put tasks into those that enclose them; one whose parent is on another page stays at the top."""
    children: dict[str | None, list[RunTask]] = {}
    ids = {task.id for task in tasks}
    for answer, task in zip(answers, tasks, strict=True):
        parent = answer.parent_id if answer.parent_id in ids and answer.parent_id != answer.id else None
        children.setdefault(parent, []).append(task)
    return _with_children(children, None)


def _with_children(children: dict[str | None, list[RunTask]], parent: str | None) -> list[RunTask]:
    return [replace(task, subtasks=_with_children(children, task.id)) for task in children.get(parent, [])]


_TASKS = (
    Parameter("subtasks", bool, "Also tasks inside tasks, inside them."),
    Parameter("taskdetails", bool, "Also what tasks were given and gave; with the private key only."),
    CURSOR,
    take("tasks"),
)

ROUTES = (
    *(
        Route(
            method="GET", path=f"/api/{version}/runs/{{run_id}}", handler=partial(_get_run, is_v1=version == "v1"),
            summary="Look a run up, with a page of its tasks", answer=Run, query=_TASKS, errors=(404,),
            allows_public=True, has_cors=True, has_v2_form=True,
        )
        for version in ("v1", "v2")
    ),
    *(
        Route(
            method="GET", path=f"/api/{version}/runs/{{run_id}}/statuses",
            handler=partial(_get_statuses, is_v1=version == "v1"), summary="Look up what a run shows",
            answer=RunStatusesAnswer, errors=(404,), allows_public=True, has_cors=True, has_v2_form=True,
        )
        for version in ("v1", "v2")
    ),
    Route(
        method="GET", path="/api/v1/jobs/{job_id}/runs", handler=list_runs, summary="List a job's runs, newest first",
        answer=JobRunsPage, query=(CURSOR, take("runs")), has_cors=True, has_v2_form=True,
    ),
)  # fmt: skip
