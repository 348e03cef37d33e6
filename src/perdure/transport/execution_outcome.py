"""The result of an execution, as the answer of EXECUTE_JOB (v2 protocol, sections 3.6 and 6.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Raw

from perdure.protocol.execution import (
    Abandoned,
    AutoYielded,
    ErrorInfo,
    ExecutionResult,
    Failed,
    InvalidPayload,
    Succeeded,
    Suspended,
    UnresolvedAuth,
    Yielded,
)
from perdure.protocol.messages.errors import ErrorWithStack
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.outcomes import (
    AuthIssue,
    RunJobAutoYieldWithTask,
    RunJobCanceled,
    RunJobError,
    RunJobInvalidPayload,
    RunJobRateLimited,
    RunJobResumeWithParallelTask,
    RunJobResumeWithTask,
    RunJobRetryWithTask,
    RunJobSuccess,
    RunJobUnresolvedAuth,
    RunJobYield,
    SchemaIssue,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.protocol.messages.outcomes import RunJobBranchOutcome, RunJobResponse
    from perdure.protocol.messages.tasks import ServerTask
    from perdure.transport.wire_execution import WireExecution

NO_ROOM_MS: Final = 2000
"""After how many milliseconds a run is to be executed again for which there was no thread."""


def answer_of(result: ExecutionResult, execution: WireExecution, *, now_ms: Callable[[], int]) -> RunJobResponse:
    """Write a result.

    Args:
        result: How the code ended.
        execution: What is known of the execution beside that.
        now_ms: Gives the Unix time in milliseconds.
    """
    if isinstance(result, Succeeded):
        output = UNSET if result.output is None else Raw(result.output.encode())
        return RunJobSuccess(output=output, warnings=_warnings(result, execution))
    if isinstance(result, Failed):
        return RunJobError(error=_error(result.error, execution), warnings=_warnings(result, execution))
    if isinstance(result, InvalidPayload):
        issues = [SchemaIssue(path=[str(step) for step in path], message=message) for path, message in result.issues]
        return RunJobInvalidPayload(errors=issues)
    if isinstance(result, UnresolvedAuth):
        return RunJobUnresolvedAuth(issues=msgspec.json.decode(result.issues, type=dict[str, AuthIssue]))
    return _together(_stops(result, execution, now_ms), execution)


def _error(error: ErrorInfo, execution: WireExecution) -> ErrorWithStack:
    return ErrorWithStack(
        message=error.message,
        name=error.name,
        stack=UNSET if error.stack is None else error.stack,
        data=UNSET if error.data is None or not execution.is_native else error.data,
    )


def _stops(
    result: Suspended | Yielded | AutoYielded | Abandoned, execution: WireExecution, now_ms: Callable[[], int]
) -> list[RunJobBranchOutcome]:
    """List where the branches have stopped: first why the execution ends, then the tasks that are waited for."""
    stops: list[RunJobBranchOutcome] = [
        RunJobRetryWithTask(
            task=execution.tasks[task_id], error=_error(error, execution), retry_at=Instant.not_before(at)
        )
        for task_id, (error, at) in execution.retries.items()
    ]
    if isinstance(result, Suspended):
        return stops + [
            RunJobResumeWithTask(task=execution.tasks[task_id])
            for task_id in result.task_ids
            if task_id not in execution.retries
        ]
    if isinstance(result, Yielded):
        return [RunJobYield(key=result.key), *stops]
    if isinstance(result, Abandoned) and result.no_room:
        return [RunJobRateLimited(reset=now_ms() + NO_ROOM_MS), *stops]
    stop = execution.stop_now()
    if isinstance(stop, RunJobCanceled):
        return [stop]
    unstored = execution.stops_unstored()
    return [*unstored, *stops] if unstored else [stop, *stops]


def _together(stops: list[RunJobBranchOutcome], execution: WireExecution) -> RunJobResponse:
    if len(stops) == 1:
        return stops[0]
    # Branches of one run need no block around them; the protocol has no other way to name several.
    first = next(task for task in (_task_of(stop, execution) for stop in stops) if task is not None)
    parent = execution.tasks.get(first.parent_id or "")
    return RunJobResumeWithParallelTask(task=first if parent is None else parent, child_errors=stops)


def _task_of(stop: Any, execution: WireExecution) -> ServerTask | None:
    return execution.tasks[stop.id] if isinstance(stop, RunJobAutoYieldWithTask) else getattr(stop, "task", None)


def _warnings(result: Succeeded | Failed, execution: WireExecution) -> Any:
    return list(result.warnings) if result.warnings and execution.is_native else UNSET
