"""A log of executed steps kept outside every database, to count what was executed twice."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class StepLog:
    """An append-only file to which each executed step adds one line.

    One ``write`` of a short line to a file opened with ``O_APPEND`` is whole or absent, from any number of processes,
    and survives SIGKILL in the page cache.
    """

    def __init__(self, path: Path) -> None:
        """Open the log, and create it if it does not exist.

        Args:
            path: The file.
        """
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def add(self, run: str, step: int) -> None:
        """Note that a step's body is being executed.

        Args:
            run: A name of the run that stays the same after a restart; no white space.
            step: The step's number within its run.
        """
        os.write(self._file, f"{run} {step}\n".encode())

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
    """Count executions so far, cheaply enough to ask many times a second.

    Args:
        path: The log.

    Returns:
        The number of lines; 0 if nothing has been written yet.
    """
    return path.read_bytes().count(b"\n") if path.exists() else 0


def read_executions(path: Path) -> Executions:
    """Count all and the distinct executions.

    Args:
        path: The log.

    Returns:
        Both numbers.
    """
    lines = path.read_text().splitlines()
    return Executions(executed=len(lines), distinct=len(set(lines)))
