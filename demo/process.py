"""The shop's process, as its supervisor sees it: started, fed with orders, killed, or asked to end."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from demo.evidence import LAST_WORDS, ORDERS
from demo.logs import SyncedLog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from demo.orders import Order

_ROOT = Path(__file__).resolve().parents[1]


class OrderLog(SyncedLog):
    """The supervisor's log: how many orders there are, and who acknowledged which."""

    def __init__(self, folder: Path, orders: int) -> None:
        super().__init__(folder / ORDERS)
        self.append(orders=orders)


class ShopProcess:
    """A process that serves the shop in a folder; made by `start`.

    Attributes:
        pid: Its number.
        acknowledged: How many orders it has acknowledged.
        last_words: What it wrote to its standard error.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: OrderLog, last_words: Path) -> None:
        self._process = process
        self._log = log
        self._reading = asyncio.create_task(self._read())
        self.pid = process.pid
        self.acknowledged = 0
        self.last_words = last_words

    @classmethod
    async def start(cls, folder: Path, log: OrderLog) -> ShopProcess:
        """Start one; it is ready to take orders when this returns.

        Raises:
            RuntimeError: It ended at once.
        """
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}
        last_words = folder / LAST_WORDS
        with last_words.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "demo.app", str(folder),
                cwd=_ROOT, env=ours, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        assert process.stdout is not None
        if await process.stdout.readline() != b"open\n":
            raise RuntimeError(f"The shop did not open; its last words are in {last_words}.")
        log.append(process=process.pid)
        return cls(process, log, last_words)

    @property
    def has_ended(self) -> bool:
        """Whether it is no more."""
        return self._process.returncode is not None

    async def send(self, orders: Iterable[Order], *, pause: float = 0) -> None:
        """Send it orders, one after the other."""
        assert self._process.stdin is not None
        for order in orders:
            self._process.stdin.write(order.model_dump_json().encode() + b"\n")
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
            self._log.append(by=self.pid, event=line.decode().rstrip())
            self.acknowledged += 1
