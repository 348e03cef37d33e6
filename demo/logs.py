"""Logs outside the database: a line is on disk before whoever wrote it goes on, and no line is ever changed."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any


class SyncedLog:
    """A file of JSON lines; its end may be missing after a crash, its lines are whole."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(self, **facts: Any) -> None:
        """Write a line, and have it on disk."""
        os.write(self._descriptor, (json.dumps(facts) + "\n").encode())
        os.fdatasync(self._descriptor)


class BodyLog(SyncedLog):
    """The log of the task bodies: each says that it has begun, and for what, before it does anything."""

    def note_now(self, subject: str, body: str, task: Any, **facts: Any) -> None:
        """Say that an attempt at a body has begun; blocks until the disk has it."""
        self.append(
            process=os.getpid(), subject=subject, body=body, attempt=task.attempt, key=task.idempotency_key, **facts
        )

    async def note(self, subject: str, body: str, task: Any, **facts: Any) -> None:
        """Say it without blocking the event loop."""
        await asyncio.to_thread(self.note_now, subject, body, task, **facts)


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a log; none if there is no such file."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
