"""What the answer of EXECUTE_JOB says, as the result of an execution (v2 protocol, sections 3.6, 6.7 and 6.8)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import UNSET

from perdure.protocol.execution import (
    AutoYielded,
    ErrorInfo,
    ExecutionResult,
    Failed,
    InvalidPayload,
    JsonText,
    Succeeded,
    Suspended,
    TaskCompletion,
    TaskRetry,
    UnresolvedAuth,
    Yielded,
)
from perdure.protocol.json_text import check
from perdure.protocol.limits import LATEST_MS
from perdure.protocol.messages.codec import MessageShapeError, decode_message
from perdure.protocol.messages.errors import ErrorWithStack
from perdure.protocol.messages.outcomes import (
    RunJobAutoYield,
    RunJobAutoYieldWithTask,
    RunJobCanceled,
    RunJobError,
    RunJobInvalidPayload,
    RunJobOutcome,
    RunJobRateLimited,
    RunJobResponse,
    RunJobResumeWithParallelTask,
    RunJobResumeWithTask,
    RunJobRetryWithTask,
    RunJobSuccess,
    RunJobUnresolvedAuth,
    RunJobYield,
    decode_run_job_response,
)
from perdure.transport.given_outputs import excess_of
from perdure.transport.nested_blocks import nested_block

if TYPE_CHECKING:
    from perdure.protocol.messages.outcomes import RunJobBranchOutcome
    from perdure.protocol.messages.tasks import ServerTask
    from perdure.transport.nested_blocks import BranchSignal

_encode = msgspec.json.Encoder().encode


def result_of(body: bytes) -> ExecutionResult:
    """Read the answer of EXECUTE_JOB.

    Raises:
        JsonError: It is not JSON.
        MessageShapeError: It is none of the answers.
    """
    answer = decode_run_job_response(body)
    if isinstance(answer, RunJobSuccess):
        output = None if answer.output is UNSET else _checked(bytes(answer.output))
        excess = excess_of(output, of="run")
        if excess is not None:
            return Failed(excess, warnings=_warnings(answer))
        return Succeeded(output=output, warnings=_warnings(answer))
    stops = _Stops()
    stops.add(answer)
    return stops.result()


def _checked(output: str | bytes) -> JsonText:
    """Check what a task or a run has come to; it may have as many values as its size allows."""
    return JsonText(check(output, max_nodes=len(output)))


class _Stops:
    """Where the branches of an execution stopped: one, or those of a parallel block, however deep."""

    def __init__(self) -> None:
        self._ends: list[ExecutionResult] = []
        self._yields: list[ExecutionResult] = []
        self._waits: list[str] = []
        self._retries: list[TaskRetry] = []
        self._completed: list[TaskCompletion] = []
        self._properties: list[tuple[str, JsonText]] = []
        self._block: str | None = None

    def add(self, stop: RunJobResponse) -> None:
        if isinstance(stop, RunJobResumeWithParallelTask):
            self._keep_properties(stop.task)
            # Between the runs of such a batch there is no code: each execution before the last run's end would only
            # find that others are still to come.
            if stop.task.name.startswith(_BATCH):
                self._block = stop.task.id
            for child in stop.child_errors:
                self._add_child(child)
        elif isinstance(stop, RunJobResumeWithTask):
            self._keep_properties(stop.task)
            self._waits.append(stop.task.id)
        elif isinstance(stop, RunJobRetryWithTask):
            self._waits.append(stop.task.id)
            self._retries.append(TaskRetry(stop.task.id, error_info(stop.error), stop.retry_at))
        elif isinstance(stop, RunJobError):
            task_id = None if stop.task is UNSET else stop.task.id
            self._ends.append(Failed(error=error_info(stop.error), task_id=task_id, warnings=_warnings(stop)))
        else:
            self._add_other(stop)

    def _add_other(self, stop: RunJobResponse) -> None:
        if isinstance(stop, RunJobInvalidPayload):
            issues = tuple((tuple(issue.path), issue.message) for issue in stop.errors)
            self._ends.append(InvalidPayload(issues))
        elif isinstance(stop, RunJobUnresolvedAuth):
            self._ends.append(UnresolvedAuth(JsonText(_encode(stop.issues).decode())))
        elif isinstance(stop, RunJobYield):
            self._yields.append(Yielded(stop.key))
        elif isinstance(stop, RunJobAutoYield):
            self._run_out(stop.location)
        elif isinstance(stop, RunJobAutoYieldWithTask):
            self._complete(stop)
        elif isinstance(stop, RunJobRateLimited):
            at = datetime.fromtimestamp(min(max(stop.reset, 0), LATEST_MS) / 1000, UTC)
            self._yields.append(AutoYielded("the endpoint was refused for asking too often", at))
        elif isinstance(stop, RunJobCanceled):
            # The run has ended meanwhile, and what comes of it is refused; if it has not, it is executed again.
            self._yields.append(AutoYielded("the endpoint was told that the task is cancelled"))

    def _run_out(self, location: str) -> None:
        if location == _NO_TASK:
            # First of all yields: if nothing can come of it, nothing can come of the others.
            self._yields.insert(0, AutoYielded("could not create a task", lacks_task=True))
        else:
            self._yields.append(AutoYielded(f"ran out of its time at {location}"))

    def _complete(self, stop: RunJobAutoYieldWithTask) -> None:
        output = None if stop.output is UNSET else _checked(stop.output)
        excess = excess_of(output, of="task")
        if excess is not None:
            self._ends.append(Failed(excess, task_id=stop.id))
            return
        properties = None if stop.properties is UNSET else JsonText(_encode(stop.properties).decode())
        self._completed.append(TaskCompletion(stop.id, output, properties))
        self._yields.append(AutoYielded(f"ran out of its time at {stop.data.location}"))

    def _add_child(self, child: RunJobBranchOutcome) -> None:
        nested = nested_block(child)
        if nested is None:
            self.add(child)
            return
        for signal in nested.child_errors:
            self._add_signal(signal)

    def _add_signal(self, signal: BranchSignal) -> None:
        """Take the raw signal of a branch inside a nested parallel block (v2 protocol, section 18, row 2)."""
        if signal.child_errors is not UNSET:
            for inner in signal.child_errors:
                self._add_signal(inner)
        elif signal.task is not UNSET:
            self._waits.append(signal.task.id)
            if signal.retry_at is not UNSET:
                self._retries.append(TaskRetry(signal.task.id, _cause(signal), signal.retry_at))
        elif signal.key is not UNSET:
            self._yields.append(Yielded(signal.key))
        else:
            self._run_out(signal.location or "an unknown place")

    def _keep_properties(self, task: ServerTask) -> None:
        if task.output_properties is not UNSET and task.output_properties:
            self._properties.append((task.id, JsonText(_encode(task.output_properties).decode())))

    def result(self) -> ExecutionResult:
        """Give what comes of all of them: an end before a yield, a yield before waits."""
        notes: dict[str, Any] = {
            "retries": tuple(self._retries),
            "completed": tuple(self._completed),
            "properties": tuple(self._properties),
        }
        first = [*self._ends, *self._yields]
        if first:
            ended: ExecutionResult = msgspec.structs.replace(cast("Any", first[0]), **notes)
            return ended
        return Suspended(tuple(self._waits), self._block, **notes)


def _warnings(outcome: RunJobOutcome) -> tuple[str, ...]:
    return () if outcome.warnings is UNSET else tuple(outcome.warnings[:100])


_BATCH = "Batch Invoke "
"""What the name begins with that the npm package gives the task around such a batch (v2 protocol, section 14)."""

_NO_TASK = "failed_task_run"
"""Where an execution stops that has been refused a task, however often it asked (v2 protocol, section 4.0)."""


def error_info(error: ErrorWithStack) -> ErrorInfo:
    """Take over an error of user code."""
    return ErrorInfo(
        "Error" if error.name is UNSET else error.name,
        error.message,
        None if error.stack is UNSET else error.stack,
        None if error.data is UNSET else JsonText(check(error.data)),
    )


def _cause(signal: BranchSignal) -> ErrorInfo:
    if signal.cause is UNSET:
        return ErrorInfo("Error", "")
    try:
        return error_info(decode_message(bytes(signal.cause), ErrorWithStack))
    except MessageShapeError:
        # Whatever was thrown.
        return ErrorInfo("Error", bytes(signal.cause).decode(errors="replace"))
