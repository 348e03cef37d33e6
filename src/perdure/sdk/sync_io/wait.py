"""The calls of `perdure.sdk.io.wait`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.sdk.blocking import SyncPart

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from perdure.protocol.keys import CacheKey


class SyncWaitCalls(SyncPart):
    """`WaitCalls` for plain functions: the same calls, blocking.

    Waiting for a time.
    """

    def wait(self, key: CacheKey | None = None, seconds: float | timedelta | None = None) -> None:
        """Go on after a delay; meanwhile nothing need be held in memory.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            seconds: How long, in seconds or as a ``timedelta``, counted from the first time this line is reached.

        Raises:
            InvalidArgumentError: The delay is missing, negative or no number.

        See also: v2 protocol, section 14 (task ``wait``).
        """
        return self._run(self._io.wait(key, seconds))

    def wait_until(self, key: CacheKey | None = None, at: datetime | None = None) -> None:
        """Go on at an instant; at once if it has passed.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            at: An aware ``datetime``; only that of the first time this line is reached counts.

        Raises:
            InvalidArgumentError: ``at`` is missing or naive.
        """
        return self._run(self._io.wait_until(key, at))
