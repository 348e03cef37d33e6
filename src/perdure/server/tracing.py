"""Traces by OpenTelemetry: a trace for each run, with spans for its executions, tasks and requests.

Which trace a run is, and which span of it a task is, follows from their ids, so that executions on any node, years
apart, are of one trace without anything being stored.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from perdure.errors import InvalidArgumentError
from perdure.protocol.statuses import RunStatus, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from datetime import datetime

    from perdure.engine.tracing import Headers, Tracing
    from perdure.protocol.execution import ErrorInfo, TaskRecord
    from perdure.storage.operations import OperationRow
    from perdure.storage.run_queue import ClaimedRun

VARIABLE: Final = "PERDURE_TRACES"
_ON = ("1", "true", "on")
_OFF = ("", "0", "false", "off")
_NS_PER_MS = 1_000_000


def load_tracing(environ: Mapping[str, str] | None = None) -> Tracing | None:
    """Give what traces runs, if ``PERDURE_TRACES`` is on; spans go where the process sends its spans.

    Raises:
        InvalidArgumentError: The variable is neither on nor off, or OpenTelemetry is not installed.
    """
    given = (os.environ if environ is None else environ).get(VARIABLE, "").strip().lower()
    if given in _OFF:
        return None
    if given not in _ON:
        raise InvalidArgumentError(f"{VARIABLE} is 1 or 0, not {given!r:.60}.")
    try:
        return RunTracing()
    except ImportError as error:
        raise InvalidArgumentError(f"{VARIABLE} needs OpenTelemetry: pip install 'perdure[traces]'.") from error


class RunTracing:
    """Makes spans with the process's tracer provider."""

    def __init__(self) -> None:
        from opentelemetry import context, propagate, trace

        from perdure.server.span_ids import take_id

        self._trace: Any = trace
        self._context: Any = context
        self._propagate: Any = propagate
        self._take_id = take_id
        self._tracer: Any = trace.get_tracer("perdure")

    @contextmanager
    def execution(self, run: ClaimedRun, environment: str) -> Generator[None]:
        """Trace an execution while the block is entered."""
        attributes = {**_of_run(run, environment), "perdure.execution": run.epoch}
        parent = self._parent(run.id)
        with self._tracer.start_as_current_span(f"execute {run.job_id}", context=parent, attributes=attributes):
            yield

    @contextmanager
    def request(self, row: OperationRow) -> Generator[None]:
        """Trace an attempt of a request on behalf of a task while the block is entered."""
        attributes = {
            "perdure.run.id": row.run_id,
            "perdure.task.id": row.task_id,
            "perdure.attempt": row.attempts,
        }
        parent = self._parent(row.run_id, row.task_id)
        kind = self._trace.SpanKind.CLIENT
        name = f"{row.operation} {row.shown}"
        with self._tracer.start_as_current_span(name, context=parent, kind=kind, attributes=attributes):
            yield

    def headers(self) -> Headers:
        """Give the headers that continue the trace at hand elsewhere."""
        carrier: dict[str, str] = {}
        self._propagate.inject(carrier)
        return tuple(carrier.items())

    def task_has_ended(self, run_id: str, task: TaskRecord) -> None:
        """Trace a task from its beginning to its end; lines of the log are none."""
        if task.noop or task.completed_at is None:
            return
        attributes = {
            "perdure.run.id": run_id,
            "perdure.task.id": task.id,
            "perdure.task.key": task.display_key or task.name,
            "perdure.attempts": task.attempts,
        }
        self._past(
            task.display_key or task.name,
            self._parent(run_id, task.parent_id),
            (_trace_id(run_id), _span_id(task.id)),
            attributes,
            began_at=task.started_at,
            ended_at=task.completed_at,
            error=task.error if task.status is TaskStatus.ERRORED else None,
        )

    def run_has_ended(self, run: ClaimedRun, environment: str, *, status: RunStatus, at: datetime) -> None:
        """Trace a run from its beginning to its end."""
        own = (_trace_id(run.id), _span_id(run.id))
        # Where the process makes ids of its own, the span is beside the others, and not above them.
        parent = self._context.Context() if self._take_id.is_heeded(self._trace) else self._parent(run.id)
        span = self._begin_past(
            f"run {run.job_id}", parent, own, {**_of_run(run, environment), "perdure.run.status": status.value},
            began_at=run.started_at,
        )  # fmt: skip
        if status is not RunStatus.SUCCESS:
            span.set_status(self._trace.StatusCode.ERROR, status.value)
        span.end(end_time=_ns(at))

    def _past(
        self,
        name: str,
        parent: Any,
        own: tuple[int, int],
        attributes: Mapping[str, Any],
        *,
        began_at: datetime,
        ended_at: datetime,
        error: ErrorInfo | None,
    ) -> None:
        span = self._begin_past(name, parent, own, attributes, began_at=began_at)
        if error is not None:
            span.set_status(self._trace.StatusCode.ERROR, f"{error.name}: {error.message}")
        span.end(end_time=_ns(ended_at))

    def _begin_past(
        self, name: str, parent: Any, own: tuple[int, int], attributes: Mapping[str, Any], *, began_at: datetime
    ) -> Any:
        with self._take_id(own):
            return self._tracer.start_span(name, context=parent, attributes=attributes, start_time=_ns(began_at))

    def _parent(self, run_id: str, task_id: str | None = None) -> Any:
        """Give the context in which spans are below a task, or the run."""
        trace = self._trace
        span_id = _span_id(run_id if task_id is None else task_id)
        above = trace.SpanContext(
            _trace_id(run_id), span_id, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED)
        )
        return trace.set_span_in_context(trace.NonRecordingSpan(above), self._context.Context())


def _of_run(run: ClaimedRun, environment: str) -> dict[str, str]:
    return {
        "perdure.run.id": run.id,
        "perdure.job.id": run.job_id,
        "perdure.job.version": run.version,
        "perdure.environment": environment,
    }


def _trace_id(run_id: str) -> int:
    return int.from_bytes(sha256(f"trace of {run_id}".encode()).digest()[:16]) or 1


def _span_id(of: str) -> int:
    return int.from_bytes(sha256(f"span of {of}".encode()).digest()[:8]) or 1


def _ns(at: datetime) -> int:
    return round(at.timestamp() * 1000) * _NS_PER_MS
