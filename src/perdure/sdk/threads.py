"""Threads for plain code: bounded pools of them.

The threads are daemons: code that never returns must not keep the process from ending.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from perdure.sdk.bell import Bell

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from perdure.sdk.crossing import Crossing

    Work = Callable[["Bell"], Callable[[], None]]
    """What a thread does; it raises nothing, and gives what is to be called on the event loop when it is done."""


class Seat(Protocol):
    """A thread that has nothing to do at the moment."""

    def start(self, work: Work) -> None:
        """Have it do a piece of work."""
        ...


class Guest(Protocol):
    """Who waits for a thread."""

    @property
    def wants_seat(self) -> bool: ...

    def sit(self, seat: Seat) -> None: ...


class Errand:
    """A plain function that belongs to no run, on its way to a thread and back."""

    __slots__ = ("_code", "_context", "outcome")

    def __init__(self, code: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self._code = code
        self._context = copy_context()
        self.outcome: asyncio.Future[Any] = loop.create_future()

    @property
    def wants_seat(self) -> bool:
        """Whether anybody still waits for it."""
        return not self.outcome.done()

    def sit(self, seat: Seat) -> None:
        """Begin, in this thread."""
        seat.start(self._work)

    def _work(self, bell: Bell) -> Callable[[], None]:
        try:
            return partial(self._end, self._context.run(self._code), None)
        except BaseException as error:
            return partial(self._end, None, storable(error))

    def _end(self, value: Any, error: BaseException | None) -> None:
        if self.outcome.done():
            return
        if error is None:
            self.outcome.set_result(value)
        else:
            self.outcome.set_exception(error)


def storable(error: BaseException) -> BaseException:
    """Give an error that a future can carry: the same, but for ``StopIteration``."""
    if not isinstance(error, StopIteration):
        return error
    failure = RuntimeError("The function raised StopIteration.")
    failure.__cause__ = error
    return failure


class Worker:
    """A thread of a pool, which does one piece of work after another."""

    __slots__ = ("_bell", "_is_over", "_pool", "_work")

    def __init__(self, pool: ThreadPool, name: str) -> None:
        self._pool = pool
        self._bell = Bell()
        self._work: Work | None = None
        self._is_over = False
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def start(self, work: Work) -> None:
        """Do a piece of work."""
        self._work = work
        self._pool.crossing.wake(self._bell)

    def end(self) -> None:
        """End the thread once it has nothing to do."""
        self._is_over = True
        self._bell.ring()

    def lose(self) -> None:
        """Count the thread out: it will never come back from what it does."""
        self._pool.lose()

    def _run(self) -> None:
        here.worker = self
        while True:
            work, self._work = self._work, None
            if work is not None:
                if not self._pool.hand_back(self, work(self._bell)):
                    return
                del work
            elif self._is_over:
                return
            else:
                self._bell.wait()
                self._bell.join_crowd(is_crowded=self._pool.crossing.is_crowded)


class Here(threading.local):
    """The thread at hand.

    Attributes:
        worker: Its place in a pool, or ``None``.
    """

    worker: Worker | None = None


here = Here()


class ThreadPool:
    """At most so many threads, made when they are needed; who comes later waits in line.

    All calls but `hand_back` are made on the event loop.

    Args:
        crossing: The way back to the loop.
        name: What the threads are called.
        limit: How many there are at most.
    """

    def __init__(self, crossing: Crossing, name: str, limit: int) -> None:
        self.limit = limit
        self.crossing = crossing
        self._name = name
        self._count = 0
        self._idle: list[Worker] = []
        self._line: OrderedDict[Guest, None] = OrderedDict()
        self._is_over = False

    def seat(self, guest: Guest) -> bool:
        """Give a guest a thread; ``False`` if none is free now."""
        if self._idle:
            guest.sit(self._idle.pop())
            return True
        if self._count >= self.limit:
            return False
        try:
            worker = Worker(self, f"{self._name}-{self._count}")
        except RuntimeError:
            # The system gives no more of them. Those that there are will do, if there are any.
            if self._count == 0:
                raise
            return False
        self._count += 1
        guest.sit(worker)
        return True

    def run(self, code: Callable[[], Any]) -> asyncio.Future[Any]:
        """Run a plain function that belongs to no run."""
        errand = Errand(code, self.crossing.loop)
        if not self.seat(errand):
            self.stand_in_line(errand)
        return errand.outcome

    def stand_in_line(self, guest: Guest) -> None:
        """Give the guest a thread when one is free."""
        self._line[guest] = None

    def leave_line(self, guest: Guest) -> None:
        """Wait no more."""
        self._line.pop(guest, None)

    def hand_back(self, worker: Worker, end: Callable[[], None]) -> bool:
        """Say that a thread's work is done, from that thread; ``False`` if it is to end."""
        try:
            self.crossing.post(self._take_back, worker, end)
        except RuntimeError:
            # The loop is closed.
            return False
        return True

    def _take_back(self, worker: Worker, end: Callable[[], None]) -> None:
        end()
        while self._line:
            guest, _ = self._line.popitem(last=False)
            if guest.wants_seat:
                guest.sit(worker)
                return
        if self._is_over:
            worker.end()
        else:
            self._idle.append(worker)

    def lose(self) -> None:
        """Count a thread out that never comes back; another may be made in its place."""
        self._count -= 1
        while self._line and self._count < self.limit:
            guest, _ = self._line.popitem(last=False)
            if guest.wants_seat and not self.seat(guest):
                self._line[guest] = None
                return

    def stop(self) -> None:
        """End the threads that have nothing to do; the others end with what they do."""
        self._is_over = True
        for worker in self._idle:
            worker.end()
        self._idle.clear()
