"""A database file as it lies on the disk, and the invariants that hold whenever a process has died.

It is read without perdure, and never while this process has it open through perdure: two copies of SQLite in one
process would undo each other's locks.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

FILE = "perdure.db"


class Task(NamedTuple):
    """A task with its result, or the lack of one."""

    key: str
    name: str
    status: str
    attempts: int
    output: str | None
    error: str | None
    completed_at: int | None


class Contents(NamedTuple):
    """What a database holds.

    Attributes:
        violations: Sentences about invariants that do not hold.
        events: The ids of all events.
        statuses: The statuses of the runs of each event, by the event's id.
        outputs: What runs ended with, by job.
        tasks: All tasks.
        failed_attempts: Keys and numbers of attempts that failed.
        values: What is kept in the stores, by store and name.
        histories: How many earlier states each status has, by its key.
        names: How many events there are of each name.
    """

    violations: list[str]
    events: list[str]
    statuses: dict[str, list[str]]
    outputs: dict[str, Any]
    tasks: list[Task]
    failed_attempts: set[tuple[str, int]]
    values: dict[str, Any]
    histories: dict[str, int]
    names: dict[str, int]

    @property
    def results(self) -> set[Task]:
        """The tasks that have ended, for good."""
        return {task for task in self.tasks if task.completed_at is not None}

    @property
    def recorded_attempts(self) -> set[tuple[str, int]]:
        """The attempts at bodies whose outcome is stored, by key and number."""
        return {(task.key, task.attempts) for task in self.results} | self.failed_attempts


NOTHING = Contents([], [], {}, {}, [], set(), {}, {}, {})


def read_contents(folder: Path) -> Contents:
    """Read the database in a folder; nothing, if no process has come so far as to make one."""
    with closing(_connect(folder)) as connection:

        def rows(query: str) -> list[Any]:
            return connection.execute(query).fetchall()

        if not rows("SELECT 1 FROM sqlite_master"):
            return NOTHING
        statuses: dict[str, list[str]] = {}
        for event, status in rows("SELECT e.id, r.status FROM events e JOIN runs r USING (event_no)"):
            statuses.setdefault(event, []).append(status)
        return Contents(
            [f"{sentence}: {row}" for sentence, query in _VIOLATIONS.items() for row in rows(query)],
            [row[0] for row in rows("SELECT id FROM events")],
            statuses,
            {job: json.loads(output) for job, output in rows(_OUTPUTS)},
            [Task(*row) for row in rows(_TASKS)],
            set(rows(_FAILED_ATTEMPTS)),
            {_place(key): json.loads(value) for key, value in rows("SELECT key, value FROM key_values")},
            dict(rows("SELECT key, json_array_length(history) FROM run_statuses")),
            dict(rows("SELECT name, count(*) FROM events GROUP BY name")),
        )


def _place(key: str) -> str:
    """What a value is called in its store; the ids of runs and jobs are left out."""
    parts = key.split(":")
    return ":".join({parts[0]: 0, parts[-1]: 0})


def count_ended(folder: Path) -> int:
    """Count the runs that have ended, in a database that another process has open."""
    with closing(_connect(folder)) as connection:
        count: int = connection.execute("SELECT count(*) FROM runs WHERE completed_at IS NOT NULL").fetchone()[0]
    return count


def _connect(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{(folder / FILE).resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)


_OUTPUTS = "SELECT j.id, r.output FROM runs r JOIN jobs j USING (job_no) WHERE r.output IS NOT NULL"

# The body of a task with a callback URL runs in one around which that is: it is known by the other's key.
_KEY = """
lower(hex(CASE operation
  WHEN 'callback' THEN (SELECT around.idempotency_key FROM tasks AS around WHERE around.id = tasks.parent_id)
  ELSE idempotency_key
END))
"""

_TASKS = f"""
SELECT {_KEY}, coalesce(display_key, name), status, attempts, output, error, completed_at
FROM tasks
ORDER BY operation = 'callback'
"""

_FAILED_ATTEMPTS = f"SELECT {_KEY}, number FROM attempts JOIN tasks USING (task_no)"

# Each query finds what must not be.
_VIOLATIONS = {
    "I22: SQLite finds the file damaged": "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
    "I2: an event has more than one run of a job": """
        SELECT event_no, job_no, count(*) FROM runs GROUP BY event_no, job_no HAVING count(*) > 1""",
    "I3: a run has not ended, and nothing will ever go on with it": """
        SELECT r.id, r.status FROM runs r
        WHERE r.completed_at IS NULL AND r.available_at IS NULL AND r.node_no IS NULL AND NOT EXISTS (
          SELECT 1 FROM tasks t JOIN timers m ON m.kind IN ('TASK', 'CALLBACK_TIMEOUT') AND m.subject_no = t.task_no
          WHERE t.run_no = r.run_no AND t.status = 'WAITING')
          AND NOT EXISTS (SELECT 1 FROM tasks t JOIN operations o USING (task_no) WHERE t.run_no = r.run_no)
          AND NOT EXISTS (SELECT 1 FROM tasks t JOIN event_waits w USING (task_no) WHERE t.run_no = r.run_no)""",
    "I3: an event is waited for by a task that does not wait": """
        SELECT w.task_no FROM event_waits w LEFT JOIN tasks t USING (task_no) WHERE t.status IS NOT 'WAITING'""",
    "I3: a task waits for the engine's work, which nobody is to do": """
        SELECT t.id FROM tasks t WHERE t.status = 'WAITING' AND t.operation LIKE 'background%'
          AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.task_no = t.task_no)""",
    "I3: work is to be done for a task that does not wait for it": """
        SELECT o.task_no FROM operations o LEFT JOIN tasks t USING (task_no) WHERE t.status IS NOT 'WAITING'""",
    "I3: a run is held by a node that does not exist": """
        SELECT r.id FROM runs r LEFT JOIN nodes n USING (node_no) WHERE r.node_no IS NOT NULL AND n.node_no IS NULL""",
    "I3: a task waits for a time, and has no timer": """
        SELECT t.id FROM tasks t WHERE t.status = 'WAITING' AND t.delay_until IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM timers m WHERE m.kind = 'TASK' AND m.subject_no = t.task_no)""",
    "I3: a timer belongs to no task that waits": """
        SELECT m.subject_no FROM timers m LEFT JOIN tasks t ON t.task_no = m.subject_no
        WHERE m.kind IN ('TASK', 'CALLBACK_TIMEOUT') AND t.status IS NOT 'WAITING'""",
    "I5: a run's executions are more than its epoch": """
        SELECT r.id, r.epoch, max(e.epoch), count(*) FROM runs r JOIN executions e USING (run_no)
        GROUP BY r.run_no HAVING max(e.epoch) > r.epoch OR count(*) > r.epoch""",
    "I5: a run's epoch went back": """
        SELECT a.run_no, a.seq, a.epoch, b.epoch
        FROM run_log a JOIN run_log b ON b.run_no = a.run_no AND b.seq = a.seq + 1
        WHERE b.epoch < a.epoch""",
    "I5: two executions of a run overlapped": """
        SELECT a.run_no, a.epoch FROM executions a JOIN executions b ON b.run_no = a.run_no AND b.epoch = a.epoch + 1
        WHERE b.started_at < a.ended_at""",
    "I6: a completed task has no time of completion, or the other way round": """
        SELECT id FROM tasks WHERE (status IN ('COMPLETED', 'ERRORED', 'CANCELED')) <> (completed_at IS NOT NULL)""",
    "I13: a run has ended, and a task of it has not": """
        SELECT t.id, t.status FROM tasks t JOIN runs r USING (run_no)
        WHERE r.completed_at IS NOT NULL AND t.completed_at IS NULL""",
    "I14: a run's history has a gap": """
        SELECT run_no, max(seq), count(*) FROM run_log GROUP BY run_no HAVING max(seq) <> count(*)""",
    "I14: a run's history does not end with its status": """
        SELECT r.id, r.status, l.status FROM runs r JOIN run_log l USING (run_no)
        WHERE l.seq = (SELECT max(seq) FROM run_log WHERE run_no = r.run_no) AND l.status <> r.status""",
    "I1: an event was delivered, has a subscriber, and started nothing": """
        SELECT e.id FROM events e WHERE e.delivered_at IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM runs r WHERE r.event_no = e.event_no) AND EXISTS (
          SELECT 1 FROM dispatchers d, json_each(d.event_names) n WHERE n.value = e.name AND d.filter IS NULL)""",
}
