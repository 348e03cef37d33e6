"""The calls of `perdure.sdk.io.yield_execution`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.sdk.blocking import SyncPart

if TYPE_CHECKING:
    from perdure.protocol.keys import CacheKey


class SyncYieldCalls(SyncPart):
    """`YieldCalls` for plain functions: the same calls, blocking.

    Yielding.
    """

    def yield_execution(self, key: CacheKey | None = None) -> None:
        """End this execution and begin another at once, which falls through here.

        In a process of your own this is hardly ever needed; it is for hosts that limit how long a request may take.

        Args:
            key: Names the place, ``None`` for an automatic one; each place of a run has its own. At most 100 in a run.

        Raises:
            InvalidArgumentError: The key is neither text nor a list of JSON values, or is shown as more than 512
                characters.

        See also: v2 protocol, section 6.7.
        """
        return self._run(self._io.yield_execution(key))

    def brb(self, key: CacheKey | None = None) -> None:
        """`yield_execution` by its other name."""
        return self._run(self._io.brb(key))
