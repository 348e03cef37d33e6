"""Where in a run the code at hand stands: which execution, inside which task.

There is an `OpenTask` for each step of a run in memory. It never refers to anything that refers back to it, so the
garbage collector, which would otherwise take a third of a step's time, need not look at it (``gc=False``).
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from perdure.protocol.execution import ErrorInfo, JsonText, TaskRecord, TaskState
from perdure.protocol.statuses import TaskStatus

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.sdk.branches import Pausable
    from perdure.sdk.execution import Execution


PASSES_ON: Final = "callback"
"""The operation of a task that passes on the URL of the task around it."""


class OpenTask(Struct, gc=False, eq=False):
    """A task of this execution that has begun and has no outcome yet.

    ``is_stored`` says whether its row exists: it is written with the outcome, or earlier when a child is stored,
    when the body takes long, or when an earlier execution has begun it.
    """

    id: str
    key: str
    parent: OpenTask | None
    operation: str
    name: str
    display_key: str | None
    started_at: datetime
    params: JsonText | None
    params_hash: str | None
    details: JsonText | None
    noop: bool
    attempts: int
    is_stored: bool
    status: TaskStatus = TaskStatus.RUNNING
    delay_until: datetime | None = None
    limit: Pausable | None = None

    @property
    def asked(self) -> OpenTask:
        """The task that the code has asked for: the one around this one, if this one only passes its URL on."""
        return self.parent if self.operation == PASSES_ON and self.parent is not None else self

    def limits(self) -> tuple[Pausable, ...]:
        """The time-outs of this attempt and of those around it."""
        found: list[Pausable] = []
        task: OpenTask | None = self
        while task is not None:
            if task.limit is not None:
                found.append(task.limit)
            task = task.parent
        return tuple(found)

    def state(self) -> TaskState | None:
        """The task as a replay would find it, or ``None`` if its row does not exist."""
        if not self.is_stored:
            return None
        return TaskState(
            self.id,
            self.key,
            None if self.parent is None else self.parent.id,
            self.operation,
            self.name,
            self.status,
            self.noop,
            self.attempts,
            None,
            None,
            self.delay_until,
            self.params_hash,
            self.params,
        )

    def record(
        self,
        status: TaskStatus,
        output: JsonText | None = None,
        completed_at: datetime | None = None,
        before: tuple[TaskRecord, ...] = (),
        *,
        error: ErrorInfo | None = None,
        delay_until: datetime | None = None,
        attempt_error: ErrorInfo | None = None,
        output_properties: JsonText | None = None,
    ) -> TaskRecord:
        """Make the record that stores this task in a state; from then on its row exists."""
        is_new, self.is_stored = not self.is_stored, True
        self.status, self.delay_until = status, delay_until
        parent = self.parent
        return TaskRecord(
            self.id,
            self.key,
            None if parent is None else parent.id,
            self.operation,
            self.name,
            status,
            self.started_at,
            self.display_key,
            self.noop,
            self.attempts,
            output,
            error,
            self.params,
            self.params_hash,
            delay_until,
            completed_at,
            self.details,
            output_properties,
            is_new,
            attempt_error,
            before,
        )


class Scope(Struct, eq=False):
    """A place to ask for tasks: the top of a run, a task's body, or one item of a parallel block.

    ``item`` is the item's index in a parallel block, so that automatic keys of two items differ; ``""`` elsewhere.
    ``failed`` holds the errors of tasks asked for here that failed for good: a retry of the enclosing task could
    only meet them again.
    """

    execution: Execution
    task: OpenTask | None
    item: str = ""
    automatic: dict[tuple[str, str], list[object]] | None = None
    log_lines: dict[tuple[str, str], int] | None = None
    failed: list[BaseException] | None = None


current_scope: ContextVar[Scope] = ContextVar("perdure_scope")
