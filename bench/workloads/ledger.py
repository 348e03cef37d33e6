"""What runs recorded, read from the database itself, beside the engine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import apsw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RESULTS = """
SELECT count(*) FROM tasks
WHERE operation NOT IN ('wait', 'wait_for_event')
  AND status = 'COMPLETED' AND output ->> 'ok' = 1 AND output ->> 'n' = 1
"""
# By the step's name, not by its idempotency key, which the database keeps unique anyway.
REPEATED_RESULTS = """
SELECT count(*) - count(DISTINCT run_no || ' ' || display_key) FROM tasks
WHERE operation NOT IN ('wait', 'wait_for_event') AND status = 'COMPLETED'
"""
SUCCESSES = "SELECT count(*) FROM runs WHERE status = 'SUCCESS'"
SLEEPERS = "SELECT count(*) FROM tasks WHERE operation IN ('wait', 'wait_until') AND status = 'WAITING'"
WAITERS = "SELECT count(*) FROM runs WHERE status = 'WAITING_TO_CONTINUE'"
VALUES = "SELECT count(*) FROM key_values"
TIMERS = "SELECT count(*) FROM timers"
WAIT_ENDS = "SELECT delay_until FROM tasks WHERE operation = 'wait'"


class Ledger:
    """A read-only view of a perdure database."""

    def __init__(self, database: apsw.Connection) -> None:
        """Read through an open connection; see ``open_ledger``.

        Args:
            database: The connection.
        """
        self._database = database

    def read(self, query: str) -> int:
        """Read one whole number.

        Args:
            query: A query with one row of one column.

        Returns:
            The number.
        """
        return int(self._database.execute(query).get)

    def check_steps(self, *, runs: int, steps: int) -> None:
        """Refuse to go on unless every run succeeded and every step's result is recorded once.

        Args:
            runs: How many runs there were.
            steps: How many steps they had together.

        Raises:
            RuntimeError: Something is missing or recorded twice.
        """
        found = {
            "runs that succeeded": (self.read(SUCCESSES), runs),
            "results recorded": (self.read(RESULTS), steps),
            "results recorded twice": (self.read(REPEATED_RESULTS), 0),
        }
        wrong = [f"{count} {what} instead of {due}" for what, (count, due) in found.items() if count != due]
        if wrong:
            raise RuntimeError("; ".join(wrong))


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """Open a database for reading, next to the node that owns it or after that.

    Args:
        path: The database file.

    Yields:
        The ledger.
    """
    database = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    # A node that closes its database needs it for itself for a moment.
    database.set_busy_timeout(5000)
    try:
        yield Ledger(database)
    finally:
        database.close()
