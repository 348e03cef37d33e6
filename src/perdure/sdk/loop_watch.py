"""Watching an event loop: whoever blocks it is named in the log."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from contextvars import Context
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

_log = logging.getLogger(__name__)

_DEEPEST: Final = 20
"""How many frames of a stack are shown, the innermost."""


class LoopWatch:
    """Asks the running event loop for a sign of life, again and again, and logs once for each time that it gives none.

    A block is noticed when it has lasted for twice the limit at the latest; a shorter one than the limit never is.

    Args:
        client_id: Whose loop it is.
        loop: The loop of this thread.
        limit: How many seconds the loop may take for a sign of life, which is also how often it is asked.
    """

    def __init__(self, client_id: str, loop: asyncio.AbstractEventLoop, *, limit: float) -> None:
        self._client_id = client_id
        self._loop = loop
        self._limit = limit
        self._ident = threading.get_ident()
        self._context = Context()
        self._over = threading.Event()
        self._is_alive = True
        self._thread = threading.Thread(target=self._run, name="perdure-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        self._is_alive = True

    def _run(self) -> None:
        has_told = False
        is_open = self._ask()
        begun = time.monotonic()
        while is_open and not self._over.wait(self._limit):
            begun, before = time.monotonic(), begun
            if self._is_alive:
                has_told = False
                is_open = self._ask()
            # If this thread was late, too, the whole process stood still, and nobody in it is to blame.
            elif not has_told and begun - before < 1.5 * self._limit:
                self._tell()
                has_told = True

    def _ask(self) -> bool:
        self._is_alive = False
        try:
            self._loop.call_soon_threadsafe(self._beat, context=self._context)
        except RuntimeError:
            # The loop is closed.
            return False
        return True

    def _tell(self) -> None:
        frame = sys._current_frames().get(self._ident)  # pyright: ignore[reportPrivateUsage] # noqa: SLF001
        _log.warning(
            "The event loop of the client %r is blocked for %g s and more: no other run, wait or request goes on "
            "meanwhile. It is at\n%sHave plain code run in a thread: a job or the body of a task that is no async def, "
            "or asyncio.to_thread. PERDURE_BLOCKED_LOOP_SECONDS sets after how long this is said; 0: never.",
            self._client_id,
            self._limit,
            "  nowhere: its thread is gone.\n" if frame is None else _stack_of(frame),
        )


def _stack_of(frame: FrameType) -> str:
    return "".join(traceback.format_stack(frame)[-_DEEPEST:])
