"""How code finds a thread: in a pool, on loan from its own run, or in line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

    from perdure.sdk.execution import Execution
    from perdure.sdk.threads import Seat, ThreadPool


class NoThreadError(Exception):
    """No thread has become free in time."""


class Seated(Protocol):
    """What looks for a thread."""

    execution: Execution

    def begin_in(self, seat: Seat) -> None:
        """Begin, in this thread."""
        ...

    def end_early(self, error: NoThreadError | None) -> None:
        """End without having begun."""
        ...


class Seating:
    """One look for a thread.

    Args:
        guest: Who looks.
        pool: Where the thread is to come from.
        may_borrow: Whether a thread of the run that has nothing to do will do.
    """

    __slots__ = ("_guest", "_is_in_line", "_may_borrow", "_patience", "_pool", "wants_seat")

    def __init__(self, guest: Seated, pool: ThreadPool, *, may_borrow: bool) -> None:
        self.wants_seat = True
        self._guest = guest
        self._pool = pool
        self._may_borrow = may_borrow
        self._is_in_line = False
        self._patience: asyncio.TimerHandle | None = None

    def find(self, *, patience: float | None) -> None:
        """Sit down, or stand in line.

        Args:
            patience: For how many seconds at most; ``None``: as long as it takes.
        """
        execution = self._guest.execution
        if self._pool.seat(self) or (self._may_borrow and execution.lanes.lend(self)):
            return
        self._is_in_line = True
        self._pool.stand_in_line(self)
        if self._may_borrow:
            execution.lanes.wait(self)
        if patience is not None:
            self._patience = self._pool.crossing.loop.call_later(patience, self._lose_patience)

    def sit(self, seat: Seat) -> None:
        """Take this thread."""
        self.leave()
        self._guest.begin_in(seat)

    def dismiss(self) -> None:
        """Let the guest end, if it has not begun: there is nothing left to do."""
        if self.wants_seat:
            self.leave()
            self._guest.end_early(None)

    def leave(self) -> None:
        """Look no longer."""
        self.wants_seat = False
        if self._patience is not None:
            self._patience.cancel()
        if self._is_in_line:
            self._is_in_line = False
            self._pool.leave_line(self)
            if self._may_borrow:
                self._guest.execution.lanes.leave(self)

    def _lose_patience(self) -> None:
        if self.wants_seat:
            self.leave()
            self._guest.end_early(NoThreadError())
