"""Keeps a server in the know of where executions are at work, so that it can tell them of waits that are over.

What an execution stores says so already. One that works for long, and stores nothing meanwhile, would be forgotten: the
connection that it could be told by ends when it is not used. And it would not learn that its run was cancelled, where
nobody hears that the server hangs up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from perdure.errors import PerdureError, StaleExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from perdure.adapters.work import Work
    from perdure.transport.wire_execution import WireExecution

SAY_SECONDS: Final = 20.0
"""How often it is said, while anything is at work: a connection that is not used is closed after a minute."""


class Told(Protocol):
    """Who is told; `perdure.transport.wire_platform.WirePlatform` is one."""

    def may_be_told(self) -> bool:
        """Whether the platform has a way to tell executions of waits that are over."""
        ...

    async def say_at_work(self, execution: WireExecution) -> None:
        """Say that it is at work here; `StaleExecutionError` if its run is not its own any more."""
        ...


class Whereabouts:
    """Says from time to time what is at work; for one event loop.

    Args:
        platform: Whom to say it.
        works: What is at work, by run.
        end: Ends an execution whose run is not its own any more.
    """

    def __init__(self, platform: Told, works: Mapping[str, Work], *, end: Callable[[Work], None]) -> None:
        self._platform = platform
        self._works = works
        self._end = end
        self._being_said: dict[Work, asyncio.Task[None]] = {}
        self._saying: asyncio.Task[None] | None = None

    def begin(self, waiting: Work | None = None) -> None:
        """Say it for as long as anything is at work.

        Args:
            waiting: What has begun, and waits for something already: it is said at once.
        """
        # Where nobody can tell anything, as behind a proxy that lets no line through, there is no hurry.
        if waiting is not None and self._platform.may_be_told():
            self._say(waiting)
        if self._saying is None:
            self._saying = asyncio.get_running_loop().create_task(self._say_all())

    def end(self) -> None:
        """Say nothing more."""
        if self._saying is not None:
            self._saying.cancel()
        for one in self._being_said.values():
            one.cancel()

    async def _say_all(self) -> None:
        try:
            while True:
                await asyncio.sleep(SAY_SECONDS)
                if not self._works:
                    return
                for work in self._works.values():
                    self._say(work)
        finally:
            self._saying = None

    def _say(self, work: Work) -> None:
        # A server that does not answer is not asked once more meanwhile.
        if work not in self._being_said:
            saying = asyncio.get_running_loop().create_task(self._say_one(work))
            self._being_said[work] = saying
            saying.add_done_callback(lambda _: self._being_said.pop(work))

    async def _say_one(self, work: Work) -> None:
        try:
            await self._platform.say_at_work(work.execution)
        except StaleExecutionError:
            self._end(work)
        except PerdureError:
            # It is said again.
            pass
