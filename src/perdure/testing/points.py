"""Crash points: the moments of a run at which its process may die, and what is told of each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.protocol.statuses import TaskStatus

if TYPE_CHECKING:
    from perdure.protocol.execution import ExecutionRequest, TaskRecord


class Point(Struct, frozen=True):
    """A moment of a run.

    Attributes:
        moment: What was about to happen, or had just happened.
        job_id: The run's job.
        number: Which run of that job it was, from 1.
        occurrence: How often that moment had come, from 1.
    """

    moment: str
    job_id: str
    number: int
    occurrence: int

    def __str__(self) -> str:
        again = "" if self.occurrence == 1 else f", for the {self.occurrence}. time"
        return f"{self.moment} (run {self.number} of {self.job_id!r}{again})"


class Script:
    """What is to happen at crash points: they are noted, or one of them kills.

    Args:
        target: The point that kills; ``None``: none does.

    Attributes:
        points: The points that were reached, in order.
        has_crashed: Whether the target was reached.
        recorded: How often a result was recorded of each task.
    """

    def __init__(self, target: Point | None = None) -> None:
        self._target = target
        self._reached: Counter[tuple[str, str, int]] = Counter()
        self.points: list[Point] = []
        self.has_crashed = False
        self.recorded: Counter[tuple[str, str]] = Counter()

    def reach(self, moment: str, job_id: str, number: int) -> bool:
        """Note that a moment has come; whether the process is to die now."""
        self._reached[moment, job_id, number] += 1
        point = Point(moment, job_id, number, self._reached[moment, job_id, number])
        self.points.append(point)
        if self.has_crashed or point != self._target:
            return False
        self.has_crashed = True
        return True


class Names:
    """What runs and tasks are called, whatever their ids are: the same in every life of a test."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[str, int]] = {}
        self._counts: Counter[str] = Counter()
        self._paths: dict[str, str] = {}
        self._aliases: dict[str, str] = {}

    def note_run(self, request: ExecutionRequest) -> None:
        """Give a run its number."""
        run_id, job_id = request.run.id, request.job.id
        if run_id not in self._runs:
            self._counts[job_id] += 1
            self._runs[run_id] = job_id, self._counts[job_id]
            name = f"run {self._counts[job_id]} of {job_id}"
            self._aliases[run_id] = f"<{name}>"
            self._aliases[request.event.id] = f"<event of {name}>"

    def note_task(self, run_id: str, record: TaskRecord) -> str:
        """Give a task its path: the shown keys of the tasks around it and its own, joined by ``/``."""
        for one in (*record.ancestors, record):
            if one.id not in self._paths:
                own = one.name if one.display_key is None else one.display_key
                path = own if one.parent_id is None else f"{self.path(one.parent_id)}/{own}"
                self._paths[one.id] = path
                alias = f"{path} in {self._aliases.get(run_id, run_id)}"
                self._aliases[one.id] = f"<{alias}>"
                # Ids of what a task makes begin like its key.
                self._aliases[one.key] = self._aliases[one.key[:26]] = f"<key of {alias}>"
        return self._paths[record.id]

    def run(self, run_id: str) -> tuple[str, int]:
        """The job of a run, and its number among that job's runs."""
        return self._runs.get(run_id, ("", 0))

    def path(self, task_id: str) -> str:
        """The path of a task."""
        return self._paths.get(task_id, task_id)

    def hide_ids(self, text: str) -> str:
        """Replace ids, which differ from life to life, by names, which do not."""
        for found, alias in sorted(self._aliases.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(found, alias)
        return text


def describe_record(path: str, record: TaskRecord) -> str | None:
    """Say what a record stores, if that is a moment at which a test may crash."""
    if record.operation == "log" or record.status not in (
        TaskStatus.WAITING,
        TaskStatus.COMPLETED,
        TaskStatus.ERRORED,
    ):
        return None
    if record.status is not TaskStatus.WAITING:
        return f"the result of {path!r}"
    return f"the wait of {path!r}" if record.attempt_error is None else f"the failed attempt of {path!r}"
