"""The transition tables: every change of status there is, and the operation that makes it.

``python -m perdure.engine.lifecycle`` prints the page of the documentation that draws them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from perdure.protocol.statuses import (
    FINAL_RUN_STATUSES,
    EventStatus,
    ExecutionStatus,
    RunStatus,
    TaskStatus,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class Change(NamedTuple):
    """A change of status; no ``source``: it comes into being so."""

    source: str | None
    target: str
    operation: str


def _each(sources: Iterable[str], target: str, operation: str) -> tuple[Change, ...]:
    return tuple(Change(source, target, operation) for source in sources)


_ACTIVE_RUNS = (
    RunStatus.PENDING,
    RunStatus.WAITING_ON_CONNECTIONS,
    RunStatus.QUEUED,
    RunStatus.EXECUTING,
    RunStatus.WAITING_TO_CONTINUE,
    RunStatus.WAITING_TO_EXECUTE,
)
_ENDED_BADLY = tuple(status for status in RunStatus if status in FINAL_RUN_STATUSES and status is not RunStatus.SUCCESS)

RUN_CHANGES: tuple[Change, ...] = (
    Change(None, RunStatus.PENDING, "create*"),
    Change(None, RunStatus.QUEUED, "insert_queued"),
    Change(None, RunStatus.EXECUTING, "insert_claimed"),
    Change(RunStatus.PENDING, RunStatus.QUEUED, "start_run*"),
    Change(RunStatus.PENDING, RunStatus.WAITING_ON_CONNECTIONS, "start_run*"),
    Change(RunStatus.EXECUTING, RunStatus.WAITING_ON_CONNECTIONS, "await_if_executing"),
    Change(RunStatus.WAITING_ON_CONNECTIONS, RunStatus.QUEUED, "queue_some_unconnected"),
    Change(RunStatus.QUEUED, RunStatus.EXECUTING, "claim_if_in_line"),
    Change(RunStatus.QUEUED, RunStatus.TIMED_OUT, "end_if_in_line"),
    Change(RunStatus.EXECUTING, RunStatus.WAITING_TO_CONTINUE, "suspend_if_executing"),
    Change(RunStatus.EXECUTING, RunStatus.WAITING_TO_EXECUTE, "requeue_if_executing, lose_of_node"),
    Change(RunStatus.EXECUTING, RunStatus.SUCCESS, "end_if_executing"),
    Change(RunStatus.EXECUTING, RunStatus.FAILURE, "end_if_executing"),
    Change(RunStatus.EXECUTING, RunStatus.INVALID_PAYLOAD, "end_if_executing"),
    Change(RunStatus.EXECUTING, RunStatus.UNRESOLVED_AUTH, "end_if_executing"),
    Change(RunStatus.EXECUTING, RunStatus.TIMED_OUT, "end_if_executing"),
    Change(RunStatus.EXECUTING, RunStatus.ABORTED, "end_if_executing"),
    Change(RunStatus.WAITING_TO_CONTINUE, RunStatus.WAITING_TO_EXECUTE, "wake, resume_unless_all_wait"),
    Change(RunStatus.WAITING_TO_CONTINUE, RunStatus.EXECUTING, "claim_if_waiting"),
    Change(RunStatus.WAITING_TO_EXECUTE, RunStatus.EXECUTING, "claim_if_in_line"),
    Change(RunStatus.WAITING_TO_EXECUTE, RunStatus.TIMED_OUT, "end_if_in_line"),
    Change(RunStatus.WAITING_TO_EXECUTE, RunStatus.FAILURE, "end_if_in_line"),
    *_each(_ACTIVE_RUNS, RunStatus.CANCELED, "cancel_if_active"),
    *_each(_ENDED_BADLY, RunStatus.QUEUED, "continue_if_unsuccessful"),
)

_REOPENING = {(TaskStatus.CANCELED, TaskStatus.COMPLETED): "reopen_tasks, settle_late"}

TASK_CHANGES: tuple[Change, ...] = (
    Change(None, TaskStatus.RUNNING, "insert_if_executing, insert_late"),
    Change(None, TaskStatus.WAITING, "insert_if_executing"),
    Change(None, TaskStatus.COMPLETED, "insert_if_executing, insert_late"),
    Change(None, TaskStatus.ERRORED, "insert_if_executing"),
    Change(None, TaskStatus.CANCELED, "insert_late"),
    Change(TaskStatus.RUNNING, TaskStatus.WAITING, "update_if_open"),
    Change(TaskStatus.RUNNING, TaskStatus.COMPLETED, "update_if_open, settle_late"),
    Change(TaskStatus.RUNNING, TaskStatus.ERRORED, "update_if_open, fail_if_open, close_open, settle_late"),
    Change(TaskStatus.RUNNING, TaskStatus.CANCELED, "close_open"),
    Change(TaskStatus.WAITING, TaskStatus.COMPLETED, "resolve_if_waiting"),
    Change(TaskStatus.WAITING, TaskStatus.RUNNING, "resolve_if_waiting"),
    Change(TaskStatus.WAITING, TaskStatus.ERRORED, "update_if_open, close_open"),
    Change(TaskStatus.WAITING, TaskStatus.CANCELED, "close_open"),
    Change(TaskStatus.CANCELED, TaskStatus.ERRORED, "settle_late"),
    *(
        Change(source, target, _REOPENING.get((source, target), "reopen_tasks"))
        for source in (TaskStatus.ERRORED, TaskStatus.CANCELED)
        for target in (TaskStatus.RUNNING, TaskStatus.WAITING, TaskStatus.COMPLETED)
    ),
)

EVENT_CHANGES: tuple[Change, ...] = (
    Change(None, EventStatus.PENDING, "insert_event"),
    Change(None, EventStatus.DELIVERED, "insert_event"),
    Change(EventStatus.PENDING, EventStatus.PENDING, "replace_if_far"),
    Change(EventStatus.PENDING, EventStatus.DELIVERED, "deliver_if_pending"),
    Change(EventStatus.PENDING, EventStatus.CANCELLED, "cancel_if_pending"),
    Change(EventStatus.DELIVERED, EventStatus.CANCELLED, "cancel_if_unmatched"),
)

EXECUTION_CHANGES: tuple[Change, ...] = (
    Change(None, ExecutionStatus.EXECUTING, "insert_claimed, claim_if_in_line, claim_if_waiting"),
    Change(ExecutionStatus.EXECUTING, ExecutionStatus.SUCCESS, "end_if_executing"),
    Change(ExecutionStatus.EXECUTING, ExecutionStatus.ERROR, "end_if_executing"),
    Change(ExecutionStatus.EXECUTING, ExecutionStatus.INVALID_PAYLOAD, "end_if_executing"),
    Change(ExecutionStatus.EXECUTING, ExecutionStatus.RESUME_WITH_TASK, "suspend_if_executing"),
    Change(ExecutionStatus.EXECUTING, ExecutionStatus.RESUME_WITH_PARALLEL_TASK, "suspend_if_executing"),
    Change(ExecutionStatus.EXECUTING, ExecutionStatus.YIELD_EXECUTION, "requeue_if_executing"),
    Change(ExecutionStatus.EXECUTING, ExecutionStatus.UNREACHABLE, "requeue_if_executing, await_if_executing"),
    Change(ExecutionStatus.EXECUTING, ExecutionStatus.LOST, "requeue_if_executing, lose_of_node"),
    Change(ExecutionStatus.EXECUTING, ExecutionStatus.CANCELED, "cancel_if_active, end_if_executing"),
)

_PAGE = """# Lifecycles

Every change of status there is. Each is one guarded operation of the storage: it changes nothing if the status is not
the one it comes from. Operations marked with a star belong to the model, and no call of this version makes them. This
page is written by `python -m perdure.engine.lifecycle`.
"""

_SECTIONS = (
    ("Runs", RUN_CHANGES),
    ("Tasks", TASK_CHANGES),
    ("Events", EVENT_CHANGES),
    ("Executions", EXECUTION_CHANGES),
)


def is_allowed(changes: tuple[Change, ...], source: str | None, target: str) -> bool:
    """Say whether a table has this change of status."""
    return any((change.source, change.target) == (source, target) for change in changes)


def draw(changes: tuple[Change, ...]) -> str:
    """Draw a table as a Mermaid state diagram."""
    arrows = [
        f"    {'[*]' if change.source is None else change.source} --> {change.target}: {change.operation}"
        for change in changes
    ]
    sources = {change.source for change in changes}
    ends = [
        f"    {target} --> [*]"
        for target in dict.fromkeys(change.target for change in changes)
        if target not in sources
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, *ends, "```"])


def render_page() -> str:
    """Write the page of the documentation."""
    return "\n".join([_PAGE, *(f"## {title}\n\n{draw(changes)}\n" for title, changes in _SECTIONS)])


if __name__ == "__main__":
    sys.stdout.write(render_page())
