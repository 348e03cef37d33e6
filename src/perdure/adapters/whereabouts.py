"""Keeps a server in the know of where executions are at work, so that it can tell them of waits that are over.

What an execution stores says so already. One that works for long, and stores nothing meanwhile, would be forgotten: the
connection that it could be told by ends when it is not used.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from perdure.errors import PerdureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perdure.adapters.work import Work
    from perdure.transport.wire_execution import WireExecution

SAY_SECONDS: Final = 20.0
"""How often it is said, while anything is at work: a connection that is not used is closed after a minute."""


class Told(Protocol):
    """Who is told; `perdure.transport.wire_platform.WirePlatform` is one."""

    def may_be_told(self) -> bool:
        """Whether the platform has a way to tell executions of waits that are over."""
        ...

    async def say_at_work(self, executions: Iterable[WireExecution]) -> None:
        """Say that these are at work here."""
        ...


class Whereabouts:
    """Says from time to time what is at work; for one event loop.

    Args:
        platform: Whom to say it.
        works: What is at work, by run.
    """

    def __init__(self, platform: Told, works: Mapping[str, Work]) -> None:
        self._platform = platform
        self._works = works
        self._is_due = asyncio.Event()
        self._saying: asyncio.Task[None] | None = None

    def begin(self, *, at_once: bool = False) -> None:
        """Say it for as long as anything is at work; ``at_once``: what has begun waits for something already."""
        if at_once:
            self._is_due.set()
        if self._saying is None:
            self._saying = asyncio.get_running_loop().create_task(self._say())

    def end(self) -> None:
        """Say nothing more."""
        if self._saying is not None:
            self._saying.cancel()

    async def _say(self) -> None:
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(SAY_SECONDS):
                        await self._is_due.wait()
                self._is_due.clear()
                if not self._works:
                    return
                # Where nobody can tell anything, as behind a proxy that lets no line through, there is nothing to say.
                if self._platform.may_be_told():
                    with suppress(PerdureError):
                        await self._platform.say_at_work([work.execution for work in self._works.values()])
        finally:
            self._saying = None
