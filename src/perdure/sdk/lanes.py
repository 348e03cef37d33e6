"""The threads at work for one run, and what waits for one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.sdk.lane import Lane
    from perdure.sdk.seating import Seating


class Lanes:
    """The threads of one execution; on the event loop.

    One that only waits for a branch may do something else of its run meanwhile. That is what keeps code that holds a
    thread from waiting for another that it keeps from becoming free.
    """

    __slots__ = ("_at_work", "_waiting")

    def __init__(self) -> None:
        # Most runs have no threads.
        self._at_work: tuple[Lane, ...] = ()
        self._waiting: list[Seating] | None = None

    def __len__(self) -> int:
        return len(self._at_work)

    def add(self, lane: Lane) -> None:
        """Count a thread in."""
        self._at_work += (lane,)

    def remove(self, lane: Lane) -> None:
        """Count a thread out that nobody waits for any more."""
        self._at_work = tuple(one for one in self._at_work if one is not lane)

    def lend(self, guest: Seating) -> bool:
        """Have a thread do something that has nothing to do itself; ``False`` if there is none."""
        for lane in self._at_work:
            if lane.is_free:
                guest.sit(lane)
                return True
        return False

    def offer(self, lane: Lane) -> None:
        """Have a thread that has nothing to do begin what has waited longest for one."""
        if self._waiting and lane.is_free:
            self._waiting[0].sit(lane)

    def wait(self, guest: Seating) -> None:
        """Offer the guest a thread when one has nothing to do."""
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(guest)

    def leave(self, guest: Seating) -> None:
        """Wait no more."""
        if self._waiting is not None:
            self._waiting.remove(guest)
