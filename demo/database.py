"""A database as evidence: read without perdure, and without writing to it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from demo.night import DAY
from demo.plans import StatusRow

FINAL = {"SUCCESS", "FAILURE", "TIMED_OUT", "ABORTED", "CANCELED", "UNRESOLVED_AUTH", "INVALID_PAYLOAD"}


class RunRow(NamedTuple):
    """A run in the database."""

    run_no: int
    job: str
    event: str
    status: str
    output: str | None

    @property
    def subject(self) -> str:
        """What the run is for, as evidence calls it."""
        return DAY if self.job == "close-books" else f"order {self.event.partition('-')[2]}"


class TaskRow(NamedTuple):
    """A task in the database; ``key`` is the idempotency key that its body was given, ``name`` its cache key."""

    id: str
    parent: str | None
    run_no: int
    key: str
    operation: str
    name: str
    status: str
    attempts: int
    output: str | None
    started_at: int
    completed_at: int | None


class Database(NamedTuple):
    """What a database holds.

    Attributes:
        requested: The keys of the tasks that a node is making a request for.
        next_ticks: When schedules are due, in milliseconds since 1970.
        timers: How many other timers there are.
    """

    integrity: str
    events: list[tuple[str, str]]
    runs: list[RunRow]
    tasks: list[TaskRow]
    failed_attempts: list[tuple[str, int]]
    statuses: list[StatusRow]
    requested: set[str]
    next_ticks: list[int]
    timers: int

    @property
    def open_runs(self) -> list[RunRow]:
        """The runs that have not ended."""
        return [run for run in self.runs if run.status not in FINAL]

    @property
    def results(self) -> list[TaskRow]:
        """The tasks that have their result, for good; log lines are none."""
        return [task for task in self.tasks if task.completed_at is not None and task.operation != "log"]

    @property
    def recorded_attempts(self) -> set[tuple[str, int]]:
        """The attempts at bodies whose outcome is stored, by key and number."""
        succeeded = {(task.key, task.attempts) for task in self.results}
        return succeeded.union(self.failed_attempts)

    @property
    def handed_on(self) -> set[str]:
        """The tasks whose callback URL has been handed on, by the word of whoever was to do it."""
        return {task.parent for task in self.results if task.operation == "callback" and task.parent is not None}

    def runs_of(self, job: str) -> list[RunRow]:
        """The runs of a job."""
        return [run for run in self.runs if run.job == job]

    def count_open(self, job: str) -> int:
        """How many runs of a job have not ended."""
        return sum(1 for run in self.open_runs if run.job == job)


def read_database(path: Path) -> Database:
    """Read a whole database."""
    with closing(_connect(path)) as connection:

        def rows(query: str) -> list[Any]:
            return connection.execute(query).fetchall()

        connection.execute("BEGIN")
        return Database(
            "; ".join(row[0] for row in rows("PRAGMA integrity_check")),
            rows("SELECT id, name FROM events"),
            [RunRow(*row) for row in rows(_RUNS)],
            [TaskRow(*row) for row in rows(_TASKS)],
            rows("SELECT lower(hex(idempotency_key)), number FROM attempts JOIN tasks USING (task_no)"),
            [_status(*row) for row in rows(_STATUSES)],
            {key for (key,) in rows(_REQUESTED)},
            [due_at for (due_at,) in rows("SELECT due_at FROM timers WHERE kind = 'SCHEDULE'")],
            rows("SELECT count(*) FROM timers WHERE kind <> 'SCHEDULE'")[0][0],
        )


def count_ended(path: Path) -> int:
    """Count the runs that have ended in a database at work."""
    return int(_select(path, "SELECT count(*) FROM runs WHERE completed_at IS NOT NULL")[0][0])


def orders_at_the_door(path: Path, event: str) -> set[int]:
    """Find out, in a database at work, for which orders an event is awaited."""
    return {int(row[0].partition("-")[2]) for row in _select(path, _AWAITING, event)}


def _select(path: Path, query: str, *values: object) -> list[Any]:
    with closing(_connect(path)) as connection:
        return connection.execute(query, values).fetchall()


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _status(event: str, key: str, label: str, state: str, history: str) -> StatusRow:
    before = [(was["label"], was["state"]) for was in json.loads(history)]
    return StatusRow(f"order {event.partition('-')[2]}", key, [*before, (label, state)])


_RUNS = """
SELECT run_no, jobs.id, events.id, status, output
FROM runs JOIN jobs USING (job_no) JOIN events USING (event_no)
"""

_TASKS = """
SELECT id, parent_id, run_no, lower(hex(idempotency_key)), operation, display_key, status, attempts, output, started_at,
  completed_at
FROM tasks
"""

_REQUESTED = """
SELECT lower(hex(idempotency_key)) FROM operations JOIN tasks USING (task_no) WHERE node_no IS NOT NULL
"""

_AWAITING = """
SELECT events.id
FROM event_waits JOIN tasks USING (task_no) JOIN runs USING (run_no) JOIN events USING (event_no)
WHERE event_waits.name = ?
"""

_STATUSES = """
SELECT events.id, run_statuses.key, label, state, history
FROM run_statuses JOIN runs USING (run_no) JOIN events USING (event_no)
ORDER BY status_no
"""
