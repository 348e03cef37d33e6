"""What the event loop reports of a run's code, less what is no error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from perdure.sdk.interrupts import Interrupt

Handler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]


class LoopReports:
    """An exception handler that keeps interrupts to itself.

    While a run unwinds, a ``gather`` or ``shield`` that its code has not awaited yet ends with an interrupt that nobody
    retrieves; asyncio would report that as an error, of code that is right.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._previous: Handler | None = loop.get_exception_handler()
        loop.set_exception_handler(self)

    def uninstall(self) -> None:
        """Restore the handler that was there, unless somebody has put another in its place."""
        if self._loop.get_exception_handler() is self:
            self._loop.set_exception_handler(self._previous)

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Hand on what is reported, unless it is an interrupt."""
        if isinstance(context.get("exception"), Interrupt):
            return
        if self._previous is not None:
            self._previous(loop, context)
        else:
            loop.default_exception_handler(context)
