"""Event loops in threads of their own, and their end before the interpreter's."""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Closable(Protocol):
    """What is to be closed."""

    def close(self) -> None:
        """Close it."""
        ...


def run_until_stopped(loop: asyncio.AbstractEventLoop, *, last: Callable[[], Awaitable[None]] | None = None) -> None:
    """Run a loop in this thread until it is stopped; what is at work then is cancelled.

    Args:
        loop: The loop; it is closed in the end.
        last: What is done beside the cancelling.
    """
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        left: list[Awaitable[object]] = []
        for task in asyncio.all_tasks(loop):
            task.cancel()
            left.append(task)
        if last is not None:
            left.append(last())
        loop.run_until_complete(_gather(left))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _gather(left: list[Awaitable[object]]) -> None:
    await asyncio.gather(*left, return_exceptions=True)


def close_at_exit(what: Closable) -> None:
    """Close something before the interpreter ends its threads: what `atexit` calls comes too late to start any."""
    reference = weakref.ref(what)

    def close() -> None:
        left = reference()
        if left is not None:
            left.close()

    register: Callable[[Callable[[], None]], None] = vars(threading)["_register_atexit"]
    register(close)
