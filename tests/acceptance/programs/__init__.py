"""Programs that tests run in processes of their own: they are killed, locked out, forked, starved or left idle."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from perdure import Client, RunHandle

_LOOK_EVERY = 0.005


def say(*words: object) -> None:
    """Tell the test something, at once."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def all_ended(client: Client, folder: Path, *, runs: int) -> None:
    """Wait until so many runs have been executed, and have ended well.

    Raises:
        InvokedRunFailedError: One of them failed.
    """
    ended: set[str] = set()
    while len(ended) < runs:
        for run_id in BodyLog.runs(folder) - ended:
            await RunHandle(run_id, client.connected().call).result()
            ended.add(run_id)
        await asyncio.sleep(_LOOK_EVERY)


async def end_of_input() -> None:
    """Wait until the test closes this program's standard input."""
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


class BodyLog:
    """What jobs and task bodies say of themselves, outside the database, before they do anything.

    Args:
        folder: Where its file is.
    """

    FILE = "bodies.log"

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / self.FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, task: Any) -> None:
        """Say that an attempt at a task's body has begun."""
        self._append({"process": os.getpid(), "key": task.idempotency_key, "attempt": task.attempt})

    def note_request(self, *, process: int, key: str) -> None:
        """Say that the request of a task has reached whom it was for."""
        self._append({"process": process, "key": key, "attempt": 1})

    def note_run(self, run_id: str) -> None:
        """Say that an execution of a run has begun."""
        self._append({"process": os.getpid(), "run": run_id})

    @classmethod
    def lines(cls, folder: Path) -> list[dict[str, Any]]:
        """Everything that was said."""
        path = folder / cls.FILE
        # What a process that was killed was about to write has no end of line.
        text = path.read_bytes() if path.exists() else b""
        return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]

    @classmethod
    def runs(cls, folder: Path) -> set[str]:
        """The ids of all runs that were ever executed."""
        return {line["run"] for line in cls.lines(folder) if "run" in line}

    def _append(self, line: dict[str, Any]) -> None:
        os.write(self._descriptor, (json.dumps(line) + "\n").encode())
