"""Which signed requests have come already."""

from __future__ import annotations

import threading
from typing import Final

from perdure.protocol.signing import TOLERANCE_SECONDS

MOST_SEEN: Final = 50_000
"""How many signed requests are remembered; while there are more within the tolerance, that is shorter."""


class SeenRequests:
    """Remembers signed requests for as long as they could be sent again; safe for threads."""

    def __init__(self, most: int = MOST_SEEN) -> None:
        self._most = most
        self._times: dict[str, int] = {}
        self._floor = 0
        self._lock = threading.Lock()

    def take(self, signed_id: str, at: int, *, now: int) -> bool:
        """Note a request; ``False``: it may have come before.

        Args:
            signed_id: Its id.
            at: Its time, in seconds since 1970.
            now: The time.
        """
        with self._lock:
            if at <= self._floor or signed_id in self._times:
                return False
            self._times[signed_id] = at
            oldest = next(iter(self._times))
            while self._times[oldest] < now - TOLERANCE_SECONDS or len(self._times) > self._most:
                # What is forgotten, and anything as old, is refused from now on.
                self._floor = max(self._floor, self._times.pop(oldest))
                oldest = next(iter(self._times))
            return True
