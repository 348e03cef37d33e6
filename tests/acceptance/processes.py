"""Other processes: the modules of `tests.acceptance.programs`, started, talked to and killed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


class Program:
    """A program at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pid = process.pid

    def tell(self, *words: object) -> None:
        """Write it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """Wait for the next line it prints; empty if it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def rest(self) -> list[str]:
        """Wait for its end; the whole lines it has printed until then."""
        assert self.process.stdout is not None
        return [line[:-1] for line in self.process.stdout if line.endswith("\n")]

    def end(self) -> int:
        """Close its input and wait for its end; its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait()

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self.process.kill()
        self.process.wait()


@contextmanager
def started(program: str, *args: object, longest: float = 120) -> Iterator[Program]:
    """Start a program; it is killed in the end, or after so many seconds."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.acceptance.programs.{program}", *map(str, args)],
        cwd=ROOT,
        env=ours,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Whoever listens to a program that hangs hears the end of it, and says so.
    watchdog = threading.Timer(longest, process.kill)
    watchdog.daemon = True
    watchdog.start()
    with process:
        try:
            yield Program(process)
        finally:
            watchdog.cancel()
            process.kill()
