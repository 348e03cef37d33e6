"""Runs the real command: through pipes, or in a pseudo-terminal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("perdure")
SECONDS = 60.0


class Result:
    """What a command has printed, and its exit status."""

    def __init__(self, status: int, output: str, errors: str) -> None:
        self.status = status
        self.output = output
        self.errors = errors

    def __repr__(self) -> str:
        return f"Result({self.status}, {self.output!r}, {self.errors!r})"

    @property
    def lines(self) -> list[str]:
        return self.output.splitlines()

    @property
    def rows(self) -> list[list[str]]:
        return [line.split("\t") for line in self.lines]

    def json(self) -> Any:
        return json.loads(self.output)

    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]


class Commands:
    """Runs commands in a folder, with a known environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}
        self.environ = {**kept, "TZ": "UTC", "TERM": "xterm-256color"}
        for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
            self.environ.pop(name, None)

    def __call__(self, *arguments: str, given: str = "", **environ: str) -> Result:
        """Run a command through pipes until it has ended."""
        done = subprocess.run(
            [PROGRAM, *arguments],
            input=given,
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Begin a command whose output is read from a pipe."""
        return subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def in_terminal(self, *arguments: str, columns: int = 100, **environ: str) -> Terminal:
        """Begin a command in a terminal of its own."""
        return Terminal([str(PROGRAM), *arguments], self.folder, {**self.environ, **environ}, columns)


class Terminal:
    """A command in a pseudo-terminal, which is its controlling one."""

    def __init__(self, command: list[str], folder: Path, environ: dict[str, str], columns: int) -> None:
        self.seen = ""
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:  # pragma: no cover
            os.chdir(folder)
            os.execvpe(command[0], command, environ)
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 40 if columns else 0, columns, 0, 0))

    def wait_for(self, text: str) -> str:
        """Read until a text has been shown."""
        deadline = time.monotonic() + SECONDS
        while text not in self.seen:
            assert self._read(deadline), f"the terminal was closed; it shows {self.seen!r}, not {text!r}"
        return self.seen

    def press(self, keys: str) -> None:
        """Press keys; ``\\x03`` is Ctrl-C."""
        os.write(self._descriptor, keys.encode())

    def finish(self) -> Result:
        """Read until the command has ended."""
        deadline = time.monotonic() + SECONDS
        while self._read(deadline):
            pass
        _, status = os.waitpid(self._pid, 0)
        os.close(self._descriptor)
        return Result(os.waitstatus_to_exitcode(status), self.seen.replace("\r\n", "\n"), "")

    def kill(self) -> None:
        """Kill the command, however far it is."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def _read(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._descriptor], [], [], left)[0]:
            self.kill()
            raise AssertionError(f"the command goes on for too long; the terminal shows {self.seen!r}")
        try:
            read = os.read(self._descriptor, 65536)
        except OSError:
            return False
        self.seen += read.decode(errors="replace")
        return bool(read)
