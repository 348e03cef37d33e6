"""The runs of a test, as its environment last saw them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.errors import UnmetExpectationError
from perdure.protocol.keys import display_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from perdure.protocol.keys import CacheKey
    from perdure.protocol.statuses import RunStatus as RunState
    from perdure.sdk.records import ErrorInfo, LogLine, Run, RunStatus, RunTask


class EnvRun:
    """A run of a test: shows it as it was when its environment last came to rest.

    ``emit``, ``advance``, ``invoke`` and ``settle`` of the environment bring it up to date.
    """

    def __init__(self, record: Run) -> None:
        self._record = record
        self._executions = 0

    def __repr__(self) -> str:
        return f"EnvRun({self.id!r}, job_id={self.job_id!r}, status={str(self.status)!r})"

    @property
    def record(self) -> Run:
        """All of it, with all of its tasks."""
        return self._record

    @property
    def id(self) -> str:
        """The run's id."""
        return self._record.id

    @property
    def job_id(self) -> str:
        """The job it is a run of."""
        return self._record.job_id

    @property
    def status(self) -> RunState:
        """Where it stands, such as ``"SUCCESS"``."""
        return self._record.status

    @property
    def output(self) -> Any:
        """What the job returned, as JSON; ``None`` also before."""
        return self._record.output

    @property
    def error(self) -> ErrorInfo | None:
        """What it failed with, or ``None``."""
        return self._record.error

    @property
    def tasks(self) -> tuple[RunTask, ...]:
        """Its tasks at the top level, in order; those inside them are their ``children``."""
        return self._record.tasks

    @property
    def logs(self) -> tuple[LogLine, ...]:
        """The lines of its log."""
        return self._record.logs

    @property
    def statuses(self) -> tuple[RunStatus, ...]:
        """The statuses it shows to the outside."""
        return self._record.statuses

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about it."""
        return self._record.warnings

    @property
    def why(self) -> str | None:
        """Why it is not being executed, or ``None``."""
        return self._record.why

    @property
    def started_at(self) -> datetime | None:
        """When it was first executed, or ``None``."""
        return self._record.started_at

    @property
    def completed_at(self) -> datetime | None:
        """When it ended, or ``None``."""
        return self._record.completed_at

    def task(self, key: CacheKey) -> RunTask:
        """Find a task by its key.

        Args:
            key: The key as it is shown; for a task inside another ``"outer/inner"``.

        Raises:
            UnmetExpectationError: There is none, or more than one; the message lists those that there are.
        """
        __tracebackhide__ = True
        path = display_key(key)
        found = [task for one, task in _paths(self.tasks) if one == path]
        if len(found) == 1:
            return found[0]
        there = ", ".join(repr(one) for one, _ in _paths(self.tasks)) or "none"
        what = "no task" if not found else f"{len(found)} tasks"
        raise UnmetExpectationError(f"Run {self.id} of job {self.job_id!r} has {what} {path!r}; it has {there}.")

    def update(self, record: Run, *, executions: int) -> None:
        """Show it as it is now."""
        self._record = record
        self._executions = executions

    def shows(self, status: str, *, executions: int) -> bool:
        """Whether it shows this state."""
        return self.status == status and self._executions == executions


def _paths(tasks: Sequence[RunTask], around: str = "") -> list[tuple[str, RunTask]]:
    found: list[tuple[str, RunTask]] = []
    for task in tasks:
        path = f"{around}{task.key if task.key is not None else task.name}"
        found += [(path, task), *_paths(task.children, f"{path}/")]
    return found
