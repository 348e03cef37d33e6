"""From the platform's answers to the records that calls give back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from perdure.protocol.json_text import load
from perdure.sdk.records import (
    CancelResult,
    ErrorInfo,
    EventDetails,
    EventRecord,
    EventRun,
    LogLine,
    Run,
    RunPage,
    RunStatus,
    RunStatuses,
    RunTask,
)

if TYPE_CHECKING:
    from perdure.protocol import execution
    from perdure.protocol.events import EventAnswer, EventDetailsAnswer
    from perdure.protocol.execution import JsonText
    from perdure.protocol.runs import CancelAnswer, RunAnswer, RunPageAnswer, RunTaskAnswer
    from perdure.protocol.state import StatusAnswer

_Children = Mapping[str | None, Sequence["RunTaskAnswer"]]


def record_of(answer: EventAnswer) -> EventRecord:
    """Make the record of an event."""
    return EventRecord(
        id=answer.id,
        name=answer.name,
        payload=load(answer.payload),
        context=load(answer.context),
        source=answer.source,
        timestamp=answer.timestamp,
        deliver_at=answer.deliver_at,
        delivered_at=answer.delivered_at,
        cancelled_at=answer.cancelled_at,
        account_id=answer.account_id,
    )


def details_of(answer: EventDetailsAnswer) -> EventDetails:
    """Make the record of an event and of the runs that it started."""
    return EventDetails(
        **asdict(record_of(answer.event)),
        created_at=answer.created_at,
        updated_at=answer.updated_at,
        runs=tuple(EventRun(**asdict(run)) for run in answer.runs),
    )


def run_of(answer: RunAnswer) -> Run:
    """Make the record of a run and of the page of tasks that came with it.

    A task whose parent is on another page is listed at the top.
    """
    ids = {task.id for task in answer.tasks}
    children: defaultdict[str | None, list[RunTaskAnswer]] = defaultdict(list)
    for task in answer.tasks:
        children[task.parent_id if task.parent_id in ids else None].append(task)
    return Run(
        id=answer.id,
        status=answer.status,
        job_id=answer.job_id,
        version=answer.version,
        started_at=answer.started_at,
        updated_at=answer.updated_at,
        completed_at=answer.completed_at,
        output=_value(answer.output),
        error=error_of(answer.error),
        tasks=tuple(_task_of(task, children) for task in children[None]),
        logs=tuple(_line_of(line) for line in answer.logs),
        statuses=tuple(status_of(status) for status in answer.statuses),
        properties=tuple(load(answer.properties)),
        warnings=answer.warnings,
        why=answer.why,
        next_cursor=answer.next_cursor,
    )


def page_of(answer: RunPageAnswer) -> RunPage:
    """Make the record of a page of runs."""
    return RunPage(runs=tuple(run_of(run) for run in answer.runs), next_cursor=answer.next_cursor)


def cancelled_of(answer: CancelAnswer) -> CancelResult:
    """Make the record of what came of cancelling several runs."""
    return CancelResult(
        cancelled_run_ids=answer.cancelled_run_ids, failed_to_cancel_run_ids=answer.failed_to_cancel_run_ids
    )


def statuses_of(answer: RunAnswer) -> RunStatuses:
    """Make the record of a run's statuses."""
    run = run_of(answer)
    return RunStatuses(run=run, statuses=run.statuses)


def status_of(answer: StatusAnswer) -> RunStatus:
    """Make the record of a status."""
    return status_from(
        {
            "key": answer.key,
            "label": answer.label,
            "state": answer.state,
            "data": _value(answer.data),
            "history": load(answer.history),
        }
    )


def status_from(stored: Mapping[str, Any]) -> RunStatus:
    """Make the record of a status as it is on the wire, where what was never given is left out."""
    key = stored["key"]
    return RunStatus(
        key=key,
        label=stored["label"],
        state=stored.get("state"),
        data=stored.get("data"),
        history=tuple(status_from({"key": key, **before}) for before in stored.get("history", ())),
    )


def error_of(error: execution.ErrorInfo | None) -> ErrorInfo | None:
    """Make the record of what a task or a run failed with, if it did."""
    return None if error is None else ErrorInfo(error.name, error.message, error.stack)


def _task_of(answer: RunTaskAnswer, children: _Children) -> RunTask:
    details = _details(answer)
    return RunTask(
        id=answer.id,
        parent_id=answer.parent_id,
        key=answer.key,
        name=answer.name,
        icon=details.get("icon"),
        status=answer.status,
        noop=answer.noop,
        operation=answer.operation,
        description=details.get("description"),
        params=_value(answer.params),
        output=_value(answer.output),
        error=error_of(answer.error),
        attempts=answer.attempts,
        properties=_merged(details.get("properties"), _value(answer.output_properties)),
        style=details.get("style"),
        children=tuple(_task_of(child, children) for child in children.get(answer.id, ())),
        warnings=tuple(details.get("warnings") or ()),
        started_at=answer.started_at,
        completed_at=answer.completed_at,
        delay_until=answer.delay_until,
    )


def _line_of(answer: RunTaskAnswer) -> LogLine:
    details = _details(answer)
    level = next((one["text"] for one in details.get("properties") or () if one["label"] == "Level"), "LOG")
    return LogLine(
        level=level,
        message=details.get("description") or "",
        data=_value(answer.params),
        created_at=answer.started_at,
    )


def _merged(*lists: Iterable[dict[str, Any]] | None) -> tuple[dict[str, Any], ...]:
    """Merge properties by their label; a later one takes the place of an earlier."""
    return tuple({one["label"]: one for properties in lists for one in properties or ()}.values())


def _details(answer: RunTaskAnswer) -> dict[str, Any]:
    return {} if answer.details is None else load(answer.details)


def _value(text: JsonText | None) -> Any:
    return None if text is None else load(text)
