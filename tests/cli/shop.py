"""A node with jobs, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cli.command import SECONDS, Commands

PROGRAM = Path(__file__).with_name("programs") / "shop.py"


class Shop:
    """The node; it begins with `open` and ends with `close`."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def open(self) -> Shop:
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM],
            cwd=self._commands.folder,
            env=self._commands.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=SECONDS)
            self._process = None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()
        self._process = None
