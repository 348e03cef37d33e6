"""`io.random`, `io.uuid`, `io.now`: values that stay the same in every execution of a run."""

from __future__ import annotations

import math
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, overload

from perdure.errors import InvalidArgumentError
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.io.part import Part

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.execution import Execution
    from perdure.sdk.io.logger import Logger

_DETAILS = details_text(icon="dice-5-filled", style={"style": "minimal"})


class RandomCalls(Part):
    """Values of chance and of the clock."""

    logger: Logger

    @overload
    def random(
        self, key: CacheKey | None = None, *, min: float = 0, max: float = 1, round: Literal[False] = False
    ) -> Coroutine[Any, Any, float]: ...

    @overload
    def random(
        self, key: CacheKey | None = None, *, min: float = 0, max: float = 1, round: Literal[True]
    ) -> Coroutine[Any, Any, int]: ...

    def random(
        self, key: CacheKey | None = None, *, min: float = 0, max: float = 1, round: bool = False
    ) -> Coroutine[Any, Any, float | int]:
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
        if not (_is_number(min) and _is_number(max)):
            raise InvalidArgumentError(f"io.random needs finite bounds; got min={min!r}, max={max!r}.")
        if not _is_number(max - min):
            raise InvalidArgumentError(f"io.random: min={min!r} and max={max!r} are too far apart.")
        if min > max:
            raise InvalidArgumentError(f"Lower bound can't be higher than upper bound - min: {min}, max: {max}")
        options = TaskOptions(
            operation="random",
            name="random",
            params=params_text({"min": min, "max": max, "round": round}),
            as_type=int if round else float,
            details=_DETAILS,
        )
        return self._start("random", key, _Draw(self._execution, self.logger, min, max, round), options, _Draw)

    def uuid(self, key: CacheKey | None = None) -> Coroutine[Any, Any, uuid.UUID]:
        """Make a random UUID (version 4)."""
        options = TaskOptions(operation="uuid", name="uuid", as_type=uuid.UUID, details=_DETAILS)
        return self._start("uuid", key, _DrawUuid(self._execution), options, _DrawUuid)

    def now(self, key: CacheKey | None = None) -> Coroutine[Any, Any, datetime]:
        """Read the engine's clock, in UTC."""
        options = TaskOptions(operation="now", name="now", as_type=datetime, details=_DETAILS)
        return self._start("now", key, _ReadClock(self._execution), options, _ReadClock)


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        # A whole number beyond what a float can be.
        return False


class _Draw:
    def __init__(self, execution: Execution, logger: Logger, low: float, high: float, whole: bool) -> None:
        self._execution = execution
        self._logger = logger
        self._low = low
        self._high = high
        self._whole = whole

    async def __call__(self) -> float:
        low, high = self._low, self._high
        if low == high:
            await self._logger.warn(f"io.random: the bounds are equal ({low}), so the result always is")
        if self._whole and not (float(low).is_integer() and float(high).is_integer()):
            await self._logger.warn(f"io.random: rounding with fractional bounds ({low}, {high}) may leave them")
        value = low + (high - low) * self._execution.host.random()
        return math.floor(value + 0.5) if self._whole else float(value)


class _DrawUuid:
    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def __call__(self) -> uuid.UUID:
        bits = int.from_bytes(self._execution.host.random_bytes(16), "big")
        return uuid.UUID(int=bits, version=4)


class _ReadClock:
    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def __call__(self) -> datetime:
        return self._execution.host.now()
