"""The calls of `perdure.sdk.io.random`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from perdure.sdk.blocking import SyncPart

if TYPE_CHECKING:
    import uuid
    from datetime import datetime

    from perdure.protocol.keys import CacheKey


class SyncRandomCalls(SyncPart):
    """`RandomCalls` for plain functions: the same calls, blocking.

    Values of chance and of the clock.
    """

    @overload
    def random(
        self, key: CacheKey | None = None, *, min: float = 0, max: float = 1, round: Literal[False] = False
    ) -> float: ...

    @overload
    def random(self, key: CacheKey | None = None, *, min: float = 0, max: float = 1, round: Literal[True]) -> int: ...

    def random(
        self, key: CacheKey | None = None, *, min: float = 0, max: float = 1, round: bool = False
    ) -> float | int:
        """Draw a number, uniform in [min, max).

        Args:
            key: The cache key, or ``None`` for an automatic one.
            min: The lower bound, inclusive.
            max: The upper bound, exclusive; reachable with ``round`` if it is whole.
            round: Round to the nearest whole number and give an ``int``.

        Raises:
            InvalidArgumentError: ``min`` is above ``max``, or a bound or the distance between them is not finite.

        See also: v2 protocol, section 14 (task ``random``).
        """
        call: Any = self._io.random
        result: float | int = self._run(call(key, min=min, max=max, round=round))
        return result

    def uuid(self, key: CacheKey | None = None) -> uuid.UUID:
        """Make a random UUID (version 4)."""
        return self._run(self._io.uuid(key))

    def now(self, key: CacheKey | None = None) -> datetime:
        """Read the engine's clock, in UTC."""
        return self._run(self._io.now(key))
