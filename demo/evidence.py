"""Everything the checks look at, read from the files that a demonstration leaves in its folder."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from demo.logs import read_log
from demo.orders import Order, order_book

DATABASE = "shop.db"
BODIES = "bodies.log"
ORDERS = "orders.log"
LAST_WORDS = "errors.log"
KILLED = "when-it-was-killed"


class RunRow(NamedTuple):
    """A run in the database."""

    run_no: int
    job: str
    event: str
    status: str
    output: str | None


class TaskRow(NamedTuple):
    """A task in the database; ``key`` is the idempotency key that its body was given, ``name`` its cache key."""

    run_no: int
    key: str
    operation: str
    name: str
    status: str
    attempts: int
    output: str | None
    completed_at: int | None


class Database(NamedTuple):
    """What a database holds."""

    integrity: str
    events: list[tuple[str, str]]
    runs: list[RunRow]
    tasks: list[TaskRow]
    failed_attempts: list[tuple[str, int]]
    timers: int

    @property
    def open_runs(self) -> list[RunRow]:
        """The runs that have not ended."""
        return [run for run in self.runs if run.status not in _FINAL]

    @property
    def results(self) -> list[TaskRow]:
        """The tasks that have their result, for good; log lines are none."""
        return [task for task in self.tasks if task.completed_at is not None and task.operation != "log"]

    @property
    def recorded_attempts(self) -> set[tuple[str, int]]:
        """The attempts at bodies whose outcome is stored, by key and number."""
        succeeded = {(task.key, task.attempts) for task in self.results}
        return succeeded.union(self.failed_attempts)


class BodyRun(NamedTuple):
    """One attempt at a task's body, by the body's own word."""

    process: int
    order: int
    body: str
    attempt: int
    key: str
    cents: int


class Evidence(NamedTuple):
    """What a demonstration leaves behind.

    Attributes:
        orders: The order book.
        acknowledged: For each process, in the order of their starting, the events that it acknowledged.
        bodies: The bodies' log.
        killed: The database as it was when the first process had been killed.
        database: The database in the end.
    """

    orders: list[Order]
    acknowledged: list[list[str]]
    bodies: list[BodyRun]
    killed: Database
    database: Database


_FINAL = {"SUCCESS", "FAILURE", "TIMED_OUT", "ABORTED", "CANCELED", "UNRESOLVED_AUTH", "INVALID_PAYLOAD"}


def read_evidence(folder: Path) -> Evidence:
    """Read what a demonstration left in its folder."""
    log = read_log(folder / ORDERS)
    processes = [line["process"] for line in log if "process" in line]
    return Evidence(
        order_book(next(line["orders"] for line in log if "orders" in line)),
        [[line["event"] for line in log if line.get("by") == process] for process in processes],
        read_bodies(folder),
        read_database(folder / KILLED / DATABASE),
        read_database(folder / DATABASE),
    )


def read_bodies(folder: Path) -> list[BodyRun]:
    """Read the bodies' log."""
    return [BodyRun(cents=line.pop("cents", 0), **line) for line in read_log(folder / BODIES)]


def read_database(path: Path) -> Database:
    """Read a database without perdure, and without writing to it."""
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
            rows("SELECT count(*) FROM timers")[0][0],
        )


def count_ended(path: Path) -> int:
    """Count the runs that have ended in a database at work."""
    with closing(_connect(path)) as connection:
        count: int = connection.execute("SELECT count(*) FROM runs WHERE completed_at IS NOT NULL").fetchone()[0]
    return count


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


_RUNS = """
SELECT run_no, jobs.id, events.id, status, output
FROM runs JOIN jobs USING (job_no) JOIN events USING (event_no)
"""

_TASKS = """
SELECT run_no, lower(hex(idempotency_key)), operation, display_key, status, attempts, output, completed_at
FROM tasks
"""
