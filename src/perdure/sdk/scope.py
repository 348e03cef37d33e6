"""Where in a run the code at hand stands: which execution, inside which task."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from perdure.protocol.execution import ErrorInfo, JsonText, TaskRecord, TaskState
from perdure.protocol.statuses import TaskStatus

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.sdk.branches import Pausable
    from perdure.sdk.execution import Execution


class OpenTask:
    """A task of this execution that has begun and has no outcome yet.

    ``is_stored`` says whether its row exists: it is written with the outcome, or earlier when a child is stored,
    when the body takes long, or when an earlier execution has begun it.
    """

    __slots__ = ("attempts", "delay_until", "details", "display_key", "id", "is_stored", "key", "limit", "name",
                 "noop", "operation", "params", "params_hash", "parent", "started_at", "status")  # fmt: skip

    def __init__(
        self,
        id: str,
        key: str,
        parent: OpenTask | None,
        operation: str,
        name: str,
        display_key: str | None,
        started_at: datetime,
        params: JsonText | None,
        params_hash: str | None,
        details: JsonText | None,
        noop: bool,
        attempts: int,
        is_stored: bool,
    ) -> None:
        self.status = TaskStatus.RUNNING
        self.delay_until: datetime | None = None
        self.limit: Pausable | None = None
        self.id = id
        self.key = key
        self.parent = parent
        self.operation = operation
        self.name = name
        self.display_key = display_key
        self.started_at = started_at
        self.params = params
        self.params_hash = params_hash
        self.details = details
        self.noop = noop
        self.attempts = attempts
        self.is_stored = is_stored

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


class Scope:
    """A place to ask for tasks: the top of a run, a task's body, or one item of a parallel block.

    ``item`` is the item's index in a parallel block, so that automatic keys of two items differ; ``""`` elsewhere.
    ``failed`` holds the errors of tasks asked for here that failed for good: a retry of the enclosing task could
    only meet them again.
    """

    __slots__ = ("automatic", "execution", "failed", "item", "log_lines", "task")

    def __init__(self, execution: Execution, task: OpenTask | None, item: str = "") -> None:
        self.execution = execution
        self.task = task
        self.item = item
        self.automatic: dict[tuple[str, str], list[object]] | None = None
        self.log_lines: dict[tuple[str, str], int] | None = None
        self.failed: list[BaseException] | None = None


current_scope: ContextVar[Scope] = ContextVar("perdure_scope")
