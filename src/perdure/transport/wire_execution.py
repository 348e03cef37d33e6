"""One execution of a run whose platform is elsewhere: its time, its tasks, and why it has to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import UNSET, UnsetType

from perdure.errors import StaleExecutionError
from perdure.protocol.execution import TaskRecord
from perdure.protocol.messages.outcomes import (
    AutoYieldData,
    RunJobAutoYield,
    RunJobAutoYieldWithTask,
    RunJobCanceled,
    RunJobRateLimited,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from perdure.protocol.execution import ErrorInfo, JsonText, TaskState
    from perdure.protocol.messages.display import DisplayProperty
    from perdure.protocol.messages.tasks import ServerTask
    from perdure.protocol.noop_filter import NoopFilter

    Stop = RunJobAutoYield | RunJobCanceled | RunJobRateLimited

START_MS: Final = 500
BODY_MS: Final = 1500
END_MS: Final = 500
"""How many milliseconds must be left before a task is asked for, before its body runs, and after it (section 6.6)."""


class WireExecution:
    """What is known of an execution beside its code.

    Args:
        run_id: The run.
        number: Tells executions of this process apart.
        limit_ms: How long it may take, in milliseconds; ``None``: as long as it likes.
        noops: The log lines that the run has.
        epoch: The number that the platform gave it, which its writes name; ``None``: it gave none.
        is_native: Whether the platform is perdure's.
        has_all: Whether all tasks of the run are known, and what it stores goes by batches.
        monotonic: Gives the time in seconds.

    Attributes:
        tasks: The tasks that it has asked for, by id, as the platform sent them last.
        retries: Those that are to be tried again, with what their attempt failed with and when.
        unstored: Results of tasks, with what is shown of them, that the platform has not said to have, by their ids.
        stop: Why it ends, if the platform or the time says so.
        doubt: Called when the platform does not know the execution any more; ``None``: then it has lost its run.
        on_change: Called once when it has another number, or can have none any more.
        is_known: Whether the platform has taken anything of it: if there is no such run any more, that has gone.
        is_let_go: Whether it is not to be another execution of its run.
        problem: Why the platform takes nothing from this app at all.
        is_ending: Whether it is to end before its next task.
    """

    def __init__(
        self,
        run_id: str,
        number: int,
        *,
        limit_ms: float | None,
        noops: NoopFilter | None,
        epoch: int | None,
        is_native: bool,
        has_all: bool = False,
        monotonic: Callable[[], float],
    ) -> None:
        self.run_id = run_id
        self.number = number
        self.noops = noops
        self.epoch = epoch
        self.is_native = is_native
        self.has_all = has_all
        self.tasks: dict[str, ServerTask] = {}
        self.retries: dict[str, tuple[ErrorInfo, datetime]] = {}
        self.unstored: dict[str, tuple[JsonText | None, list[DisplayProperty] | UnsetType]] = {}
        self.stop: Stop | None = None
        self.problem: str | None = None
        self.is_ending = False
        self.doubt: Callable[[], None] | None = None
        # The tasks that the platform has, and whether they are over there.
        self._stored: dict[str, bool] = {}
        self._limit_ms = limit_ms
        self._monotonic = monotonic
        self._began = monotonic()
        self.on_change: Callable[[], None] | None = None
        self.is_known = False
        self.is_let_go = False

    @property
    def may_be_renewed(self) -> bool:
        """Whether it may be another execution of its run yet, when the platform does not know it as this one."""
        return self.doubt is not None and not self.is_let_go

    def note_stored(self, task: TaskState | TaskRecord) -> None:
        """Note that the platform has a task, as it is given, and those around it."""
        self._stored[task.id] = task.status.is_final
        if isinstance(task, TaskRecord):
            for ancestor in task.ancestors:
                self.note_stored(ancestor)

    def is_in(self, tasks: Iterable[TaskState]) -> bool:
        """Whether all that the platform has taken of it is among these.

        Args:
            tasks: All that the platform has of the run.
        """
        found = {task.id: task.status.is_final for task in tasks}
        return all(found.get(task_id) in (True, is_over) for task_id, is_over in self._stored.items())

    def renew(self, epoch: int, *, limit_ms: float | None) -> None:
        """Be the execution of that number from now on, with time of its own."""
        self.epoch = epoch
        # That was said by the server that has gone.
        self.is_ending = False
        self._limit_ms, self._began = limit_ms, self._monotonic()
        self._tell()

    def let_go(self) -> None:
        """Be no other execution any more."""
        self.is_let_go = True
        self._tell()

    def _tell(self) -> None:
        told, self.on_change = self.on_change, None
        if told is not None:
            told()

    def check_time(self, needed_ms: float, location: str) -> None:
        """Stop if less time than that is left.

        Raises:
            StaleExecutionError: It is.
        """
        if self.is_short(needed_ms):
            raise self.auto_yield(location)

    def is_short(self, needed_ms: float) -> bool:
        """Whether less time than that is left."""
        limit = self._limit_ms
        return limit is not None and limit > 0 and limit - (self._monotonic() - self._began) * 1000 < needed_ms

    def check_task(self, task: ServerTask, location: str) -> None:
        """Note a task as the platform sent it, and stop if that says so.

        Raises:
            StaleExecutionError: The run was cancelled, or the platform wants the execution to end.
        """
        self.tasks[task.id] = task
        if task.status == "CANCELED":
            raise self._stop(RunJobCanceled(task=task), "the run was cancelled")
        if task.force_yield is True:
            raise self.auto_yield(location)

    def auto_yield(self, location: str) -> StaleExecutionError:
        """Note that the execution ends here; the error to raise."""
        data = self._data(location)
        stop = RunJobAutoYield(
            location=data.location, time_remaining=data.time_remaining, time_elapsed=data.time_elapsed, limit=data.limit
        )
        return self._stop(stop, f"the execution ends at {location}")

    def stops_unstored(self) -> list[RunJobAutoYieldWithTask]:
        """Say that the execution ends before it could report these tasks as completed (v2 protocol, section 6.6)."""
        return [
            RunJobAutoYieldWithTask(
                id=task_id,
                output=UNSET if output is None else output,
                properties=properties,
                data=self._data("before_complete_task"),
            )
            for task_id, (output, properties) in self.unstored.items()
        ]

    def yield_until(self, reset: int) -> StaleExecutionError:
        """Note that the platform was asked too often, and when to go on; the error to raise."""
        return self._stop(RunJobRateLimited(reset=reset), "the server was asked too often")

    def stop_now(self) -> Stop:
        """Say why the execution ends, if nothing else has said so."""
        if self.stop is None:
            self.auto_yield("failed_task_run")
        assert self.stop is not None
        return self.stop

    def _stop(self, stop: Stop, why: str) -> StaleExecutionError:
        if self.stop is None:
            self.stop = stop
        return StaleExecutionError(why)

    def _elapsed_ms(self) -> float:
        return (self._monotonic() - self._began) * 1000

    def _data(self, location: str) -> AutoYieldData:
        elapsed, limit = self._elapsed_ms(), self._limit_ms
        left = 0.0 if limit is None else max(0.0, limit - elapsed)
        return AutoYieldData(
            location=location, time_remaining=left, time_elapsed=elapsed, limit=UNSET if limit is None else limit
        )
