"""A row as small as a step's, for measurements of databases."""

from __future__ import annotations

import itertools

CREATE = "CREATE TABLE steps (id TEXT PRIMARY KEY, run TEXT, name TEXT, state TEXT, out TEXT, at DOUBLE PRECISION)"
INSERT = "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?)"
SELECT = "SELECT id, run, name, state, out, at FROM steps WHERE id = ?"
COLUMNS = ("id", "run", "name", "state", "out", "at")

Row = tuple[str, str, str, str, str, float]


class Rows:
    """A source of rows, and of the ids of those it has given."""

    def __init__(self) -> None:
        """Begin at row 1."""
        self._numbers = itertools.count(1)
        self._given = 0

    def make(self) -> Row:
        """Make the next row."""
        self._given = next(self._numbers)
        return (write_id(self._given), "run_000000001", "step", "COMPLETED", '{"ok": true, "n": 1}', 1.0)

    def cycle_ids(self, number: int) -> itertools.cycle[str]:
        """Go round the ids of the last rows, for reading them again.

        Args:
            number: How many rows.

        Returns:
            An endless iterator.
        """
        return itertools.cycle([write_id(self._given - back) for back in reversed(range(number))])


def write_id(number: int) -> str:
    """Write a row's id."""
    return f"task_{number:012d}"
