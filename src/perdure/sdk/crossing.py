"""The way between a process's threads and its event loop, for many of them at once.

Of all threads only one at a time can run Python. To wake all those that wait for one commit at once would have them
queue up for that, with two switches for each; and every message to the loop would have it queue up, too. So threads
that are to go on are woken one after another: each wakes the next when it comes to wait for the loop itself, or to
code that may take long; and the last of them wakes the loop, which then finds all their messages.

Many of them are a *crowd*, in which each is courteous (`perdure.sdk.bell`).
"""

from __future__ import annotations

from collections import deque
from contextvars import Context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from perdure.sdk.bell import Bell

PATIENCE_SECONDS = 0.003
"""How long the loop leaves it to threads to wake each other: one may be busy with something else. Then it wakes some
itself, each time more, until one of them has woken another. It is longer than the system mostly puts a thread aside for
other processes: on a busy machine the loop would often wake threads for nothing, and have them queue up."""


CROWD = 8
"""So many threads that wait for the loop at once are a crowd."""

BUSY_SECONDS = 0.02
"""How long there is no crowd after the loop has lost patience: where other processes put threads aside, being courteous
to them as well would cost more than it gives."""


class Crossing:
    """Has calls made on an event loop, in the order in which threads post them, and wakes the threads.

    Attributes:
        loop: The event loop.
        context: An empty context, for what belongs to no run.
        is_crowded: Whether many threads take turns.
    """

    __slots__ = ("_busy_until", "_crowd", "_is_called", "_is_chained", "_is_closing", "_messages", "_push", "_ready",
                 "_seen", "_timer", "_turns", "context", "is_crowded", "loop")  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.context = Context()
        self._messages: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._ready: deque[Bell] = deque()
        self._is_called = False
        self._is_chained = False
        self._is_closing = False
        self._push = 1
        self._seen = 0
        self._turns = 0
        self._timer: asyncio.TimerHandle | None = None
        self._crowd = 0
        self._busy_until = 0.0
        self.is_crowded = False

    # On the loop.

    def wake(self, bell: Bell) -> None:
        """Wake a thread: now, or when those woken before it have come to wait again."""
        if not self._is_chained or self._is_closing:
            self._is_chained = True
            bell.ring()
            return
        self._ready.append(bell)
        if self._timer is None:
            self._push, self._seen = 1, self._turns
            self._timer = self.loop.call_later(PATIENCE_SECONDS, self._lose_patience, context=self.context)

    def close(self) -> None:
        """Wake all threads from now on at once: the loop is about to end."""
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        while self._ring_next():
            pass
        self._deliver()

    def _lose_patience(self) -> None:
        self._timer = None
        if self._turns == self._seen:
            self.is_crowded, self._busy_until = False, self.loop.time() + BUSY_SECONDS
            for _ in range(min(self._push, len(self._ready))):
                self._ring_next()
            self._push *= 4
            self._deliver()
        self._seen = self._turns
        if self._ready:
            self._timer = self.loop.call_later(PATIENCE_SECONDS, self._lose_patience, context=self.context)
        elif self._messages:
            self._deliver()

    def _deliver(self) -> None:
        self._is_called = False
        messages = self._messages
        # A crowd is one for some turns more in which few come.
        self._crowd = max(len(messages), self._crowd - 1)
        self.is_crowded = self._crowd >= CROWD and self.loop.time() >= self._busy_until
        try:
            # What is posted meanwhile has called again.
            for _ in range(len(messages)):
                call, args = messages.popleft()
                call(*args)
        finally:
            if messages and not self._is_called:
                # One of them raised; threads wait for the others.
                self._is_called = True
                self.loop.call_soon(self._deliver, context=self.context)

    def _ring_next(self) -> bool:
        """Wake the next thread, if there is one that is to go on."""
        try:
            bell = self._ready.popleft()
        except IndexError:
            self._is_chained = False
            return False
        self._turns += 1
        bell.ring()
        return True

    # In threads.

    def make_way(self) -> None:
        """Wake the next thread: this one is about to run code that may take long."""
        if self._is_chained:
            self._ring_next()

    def post(self, call: Callable[..., object], *args: Any, makes_way: bool = True) -> None:
        """Have a call made on the loop; the thread is about to wait.

        Args:
            call: What is to be called.
            args: With what.
            makes_way: Whether to wake the next thread; not if this one has done so since it was woken itself.

        Raises:
            RuntimeError: The loop is closed.
        """
        # First the message, then the looks: the loop looks for messages after it has changed what is looked at.
        self._messages.append((call, args))
        if not (self._ring_next() if makes_way else self._ready) and not self._is_called:
            self._is_called = True
            self.loop.call_soon_threadsafe(self._deliver, context=self.context)
