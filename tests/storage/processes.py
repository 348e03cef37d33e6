"""Other processes that work on a database: the modules of `tests.storage.programs`."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def started(program: str, *args: object) -> Iterator[subprocess.Popen[str]]:
    """Start a program; it is killed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.storage.programs.{program}", *map(str, args)],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_line(process: subprocess.Popen[str]) -> str:
    """Wait for the next line a program prints."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def read_rest(process: subprocess.Popen[str]) -> list[str]:
    """Wait for the end of a program; the lines it printed."""
    assert process.stdout is not None
    return process.stdout.read().splitlines()
