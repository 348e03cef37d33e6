"""What threads of a test and the test itself tell each other."""

from __future__ import annotations

import asyncio
import threading

from tests.scenarios.app import PATIENCE


class PlainGate:
    """A plain body that gets no further before it is opened.

    Made on the event loop of the test.
    """

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._open = threading.Event()

    async def wait(self) -> None:
        """Wait until a thread stands in front of it."""
        await asyncio.wait_for(self.reached.wait(), PATIENCE)

    def open(self) -> None:
        """Let every thread through."""
        self._open.set()

    def __call__(self) -> str:
        """Stand in front of it until it is open."""
        self._loop.call_soon_threadsafe(self.reached.set)
        if not self._open.wait(PATIENCE):
            raise TimeoutError("nobody opened the gate")
        return "through"


class Meeting:
    """A body that ends once so many have come to it: it shows that they run at the same time."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties, timeout=PATIENCE)

    def __call__(self) -> None:
        self._barrier.wait()


def name_of_thread() -> str:
    """What kind of thread this is: ``perdure-job`` and the like, or ``loop``."""
    name = threading.current_thread().name
    return name.rpartition("-")[0] if name.startswith("perdure-") else "loop"
