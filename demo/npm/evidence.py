"""Everything the checks look at, read from the files that the demonstration leaves in its folder."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from demo.logs import read_log

DATABASE = "shop.db"
KILLED = "when-it-was-killed"
BODIES = "bodies.log"
SENT = "sent.json"
LAST_WORDS = "errors.log"


class Run(NamedTuple):
    """A run in the database."""

    job: str
    event: str
    status: str
    output: Any


class Stored(NamedTuple):
    """What a database holds.

    Attributes:
        events: The ids of the events.
        runs: The runs.
        results: The outputs of tasks that are completed, by their event and their key.
    """

    events: list[str]
    runs: list[Run]
    results: dict[tuple[str, str], list[str | None]]

    @property
    def waiting(self) -> int:
        """How many runs are under way."""
        return sum(1 for run in self.runs if run.status != "SUCCESS")


class Evidence(NamedTuple):
    """What a demonstration leaves behind.

    Attributes:
        orders: How many orders there are.
        acknowledged: The events that the server acknowledged before it was killed.
        before: The task bodies that ran before the kill, as event and key, with every attempt.
        after: Those that ran after it.
        killed: The database as the kill left it.
        database: The database in the end.
    """

    orders: int
    acknowledged: list[str]
    before: list[tuple[str, str]]
    after: list[tuple[str, str]]
    killed: Stored
    database: Stored


def read_evidence(folder: Path) -> Evidence:
    """Read what a demonstration left in its folder."""
    sent = json.loads((folder / SENT).read_text(encoding="utf-8"))
    log = read_log(folder / BODIES)
    cut = next((number for number, line in enumerate(log) if "killed" in line), len(log))
    bodies = [[_body(line) for line in lines if "body" in line] for lines in (log[:cut], log[cut:])]
    return Evidence(
        sent["orders"],
        sent["acknowledged"],
        *bodies,
        read_stored(folder / KILLED / DATABASE),
        read_stored(folder / DATABASE),
    )


def read_stored(path: Path) -> Stored:
    """Read a database, also one at work, without writing to it."""
    results: dict[tuple[str, str], list[str | None]] = {}
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("BEGIN")
        for event, key, output in connection.execute(_RESULTS):
            results.setdefault((event, key), []).append(output)
        events = [row[0] for row in connection.execute("SELECT id FROM events ORDER BY event_no")]
        runs = [
            Run(job, event, status, None if output is None else json.loads(output))
            for job, event, status, output in connection.execute(_RUNS)
        ]
    return Stored(events, runs, results)


def _body(line: dict[str, Any]) -> tuple[str, str]:
    event = "packed" if line["body"] == "label" else "order"
    return f"{event}-{line['order']}", line["body"]


_RUNS = """
SELECT jobs.id, events.id, status, output
FROM runs JOIN jobs USING (job_no) JOIN events USING (event_no)
ORDER BY run_no
"""

_RESULTS = """
SELECT events.id, display_key, tasks.output
FROM tasks JOIN runs USING (run_no) JOIN events USING (event_no)
WHERE tasks.status = 'COMPLETED' AND parent_id IS NULL
"""
