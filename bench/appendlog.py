"""A log kept outside every database: of executed steps, to count those executed twice, or of notes to the driver."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class AppendLog:
    """An append-only file to which several processes add lines.

    One ``write`` of a short line to a file opened with ``O_APPEND`` is whole or absent, from any number of processes,
    and survives SIGKILL in the page cache.
    """

    def __init__(self, path: Path) -> None:
        """Open the log, and create it if it does not exist.

        Args:
            path: The file.
        """
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def add(self, *words: object) -> None:
        """Add one line.

        Args:
            *words: What to write, without white space: for a step, a name of its run that stays the same after a
                restart, and the step's number.
        """
        os.write(self._file, f"{' '.join(map(str, words))}\n".encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


@dataclass(frozen=True, kw_only=True)
class Executions:
    """How often steps were executed, by the log.

    Attributes:
        executed: All executions.
        distinct: Different steps among them.
    """

    executed: int
    distinct: int

    @property
    def executed_twice(self) -> int:
        """Executions that repeated an earlier one."""
        return self.executed - self.distinct


def count_lines(path: Path) -> int:
    """Count lines so far, cheaply enough to ask many times a second.

    Args:
        path: The log.

    Returns:
        The number of lines; 0 if nothing has been written yet.
    """
    return path.read_bytes().count(b"\n") if path.exists() else 0


def read_lines(path: Path) -> list[list[str]]:
    """Read the words of each line.

    Args:
        path: The log.

    Returns:
        The lines so far; none if nothing has been written yet.
    """
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def read_executions(path: Path) -> Executions:
    """Count all and the distinct executions.

    Args:
        path: The log.

    Returns:
        Both numbers.
    """
    lines = path.read_text().splitlines()
    return Executions(executed=len(lines), distinct=len(set(lines)))
