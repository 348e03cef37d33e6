"""Processes as their supervisor sees them: started, fed with lines, killed, or asked to end."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from demo.evidence import LAST_WORDS, SUPERVISOR, TOKEN
from demo.logs import SyncedLog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from demo.night import Night

_ROOT = Path(__file__).resolve().parents[1]


class SupervisorLog(SyncedLog):
    """The supervisor's log: how many orders there are, when it is midnight, and who acknowledged which event."""

    def __init__(self, folder: Path, orders: int, night: Night) -> None:
        super().__init__(folder / SUPERVISOR)
        self.append(orders=orders, midnight=night.midnight.isoformat(), clock_offset=night.clock_offset)


class ShopProcess:
    """A process that serves the shop in a folder; made by `start`.

    Attributes:
        pid: Its number.
        acknowledged: The events that it has acknowledged.
        last_words: What it wrote to its standard error.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: SupervisorLog, last_words: Path) -> None:
        self._process = process
        self._log = log
        self._reading = asyncio.create_task(self._read())
        self.pid = process.pid
        self.acknowledged: list[str] = []
        self.last_words = last_words

    @classmethod
    async def start(cls, folder: Path, log: SupervisorLog, world: WorldProcess, *, clock_offset: float) -> ShopProcess:
        """Start one; it is ready to take events when this returns.

        Args:
            folder: Where its files are.
            log: Takes down what it acknowledges.
            world: The world outside.
            clock_offset: How many seconds its clock is ahead of the machine's.

        Raises:
            RuntimeError: It ended at once.
        """
        process, word = await _start(
            "demo.app",
            folder,
            {"WORLD_URL": world.url, "CUSTOMS_TOKEN": world.token, "PERDURE_CLOCK_OFFSET": f"{clock_offset:f}"},
        )
        if word != "open":
            raise RuntimeError(f"The shop did not open; its last words are in {folder / LAST_WORDS}.")
        log.append(process=process.pid)
        return cls(process, log, folder / LAST_WORDS)

    def check(self) -> None:
        """Look whether it is still there.

        Raises:
            RuntimeError: It has ended by itself.
        """
        if self._process.returncode is not None:
            raise RuntimeError(f"The shop ended by itself; its last words are in {self.last_words}.")

    async def send(self, events: Iterable[dict[str, Any]], *, pause: float = 0) -> None:
        """Send it events, one after the other."""
        assert self._process.stdin is not None
        for event in events:
            self._process.stdin.write(json.dumps(event).encode() + b"\n")
            await self._process.stdin.drain()
            await asyncio.sleep(pause)

    async def kill(self) -> None:
        """Kill it, as a power cut would; what it had acknowledged until then is known when this returns."""
        self._process.kill()
        await self._process.wait()
        await self._reading

    async def end(self) -> int:
        """Let it close the shop and end; its exit status."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        status = await self._process.wait()
        await self._reading
        return status

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            event = line.decode().rstrip()
            self._log.append(by=self.pid, event=event)
            self.acknowledged.append(event)


class WorldProcess(NamedTuple):
    """The world outside: its process's number, its URL, and the token that the customs office wants to be told."""

    pid: int
    url: str
    token: str


@asynccontextmanager
async def world_outside(folder: Path) -> AsyncIterator[WorldProcess]:
    """Start the world outside; at the end of the block it finishes and ends.

    Raises:
        RuntimeError: It ended at once.
    """
    token = secrets.token_urlsafe(32)
    (folder / TOKEN).write_text(token, encoding="utf-8")
    process, url = await _start("demo.world", folder, {"CUSTOMS_TOKEN": token})
    if not url:
        raise RuntimeError(f"There is no world outside; its last words are in {folder / LAST_WORDS}.")
    try:
        yield WorldProcess(process.pid, url, token)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _start(module: str, folder: Path, given: dict[str, str]) -> tuple[asyncio.subprocess.Process, str]:
    """Start a process of ours with these variables in its environment, and wait for its first line."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))} | given
    with (folder / LAST_WORDS).open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, str(folder),
            cwd=_ROOT, env=ours, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    assert process.stdout is not None
    return process, (await process.stdout.readline()).decode().rstrip()
