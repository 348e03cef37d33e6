"""Traces of runs, for whoever collects them; what a node tells of its work while it does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime

    from perdure.protocol.execution import TaskRecord
    from perdure.protocol.statuses import RunStatus
    from perdure.storage.operations import OperationRow
    from perdure.storage.run_queue import ClaimedRun

Headers = tuple[tuple[str, str], ...]
"""Headers of a request that continue a trace elsewhere."""


class Tracing(Protocol):
    """Is told of runs, their executions, tasks and requests. All spans of a run are of one trace."""

    def execution(self, run: ClaimedRun, environment: str) -> AbstractContextManager[None]:
        """Trace an execution while the block is entered; what it begins continues the trace."""
        ...

    def request(self, row: OperationRow) -> AbstractContextManager[None]:
        """Trace an attempt of a request on behalf of a task while the block is entered."""
        ...

    def headers(self) -> Headers:
        """Give the headers that continue the trace at hand elsewhere; none outside of one."""
        ...

    def task_has_ended(self, run_id: str, task: TaskRecord) -> None:
        """Trace a task from its beginning to its end."""
        ...

    def run_has_ended(self, run: ClaimedRun, environment: str, *, status: RunStatus, at: datetime) -> None:
        """Trace a run from its beginning to its end."""
        ...


def no_headers() -> Headers:
    """Give none."""
    return ()
