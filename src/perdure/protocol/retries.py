"""When to try again: the arithmetic of retries (v2 protocol, section 6.9)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from perdure.errors import InvalidArgumentError
from perdure.protocol.value_paths import type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_SECONDS = 10**10

_WIRE_NAMES = {
    "limit": "limit",
    "factor": "factor",
    "minTimeoutInMs": "min_timeout",
    "maxTimeoutInMs": "max_timeout",
    "randomize": "randomize",
}


@dataclass(frozen=True, slots=True, init=False)
class RetryOptions:
    """How often a failing piece of work is tried, and how long to wait in between.

    Attributes:
        limit: The total number of attempts; 0 and 1 both mean that nothing is tried again.
        factor: What each delay after the second is multiplied by.
        min_timeout: The first and the second delay, in seconds.
        max_timeout: The longest delay, in seconds.
        randomize: Whether each delay is stretched by a random factor between 1 and 2.
    """

    limit: int
    factor: float
    min_timeout: float
    max_timeout: float
    randomize: bool

    def __init__(
        self,
        *,
        limit: int = 5,
        factor: float = 1.8,
        min_timeout: float | timedelta = 1,
        max_timeout: float | timedelta = 60,
        randomize: bool = True,
    ) -> None:
        """Check and keep the options; timeouts are seconds or ``timedelta``.

        Raises:
            InvalidArgumentError: One of them is of the wrong type, negative or not finite.
        """
        if isinstance(limit, bool) or not isinstance(cast("object", limit), int) or limit < 0:
            raise InvalidArgumentError(f"retry.limit is a whole number of attempts from 0, not {limit!r}.")
        if not isinstance(cast("object", randomize), bool):
            raise InvalidArgumentError(f"retry.randomize is True or False, not {randomize!r}.")
        object.__setattr__(self, "limit", limit)
        object.__setattr__(self, "factor", _positive_number(factor, "retry.factor"))
        object.__setattr__(self, "min_timeout", _seconds(min_timeout, "retry.min_timeout"))
        object.__setattr__(self, "max_timeout", _seconds(max_timeout, "retry.max_timeout"))
        object.__setattr__(self, "randomize", randomize)

    @classmethod
    def standard(cls) -> RetryOptions:
        """Eight attempts, half a second to half a minute apart."""
        return cls(limit=8, factor=1.8, min_timeout=0.5, max_timeout=30)

    @classmethod
    def exponential(cls) -> RetryOptions:
        """Eight attempts, each delay twice the one before, one second to half a minute."""
        return cls(limit=8, factor=2, min_timeout=1, max_timeout=30)

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any]) -> RetryOptions:
        """Read options given as a dict with the names of the attributes; what is absent has its default.

        Raises:
            InvalidArgumentError: A name is unknown or a value is not acceptable.
        """
        unknown = [name for name in options if name not in _WIRE_NAMES.values()]
        if unknown:
            raise InvalidArgumentError(f"retry has no {unknown[0]!r}; it has {', '.join(_WIRE_NAMES.values())}.")
        return cls(**options)

    @classmethod
    def from_wire(cls, options: Mapping[str, Any]) -> RetryOptions:
        """Read v2's form: camel-case names, milliseconds. Unknown names are ignored, what is absent has its default.

        Raises:
            InvalidArgumentError: A value is not acceptable.
        """
        found = {ours: options[theirs] for theirs, ours in _WIRE_NAMES.items() if options.get(theirs) is not None}
        for name in ("min_timeout", "max_timeout"):
            if name in found:
                found[name] = _finite(found[name], f"retry.{name}") / 1000
        if isinstance(found.get("limit"), float) and found["limit"].is_integer():
            found["limit"] = int(found["limit"])
        return cls(**found)

    def to_wire(self) -> dict[str, Any]:
        """Give v2's form: camel-case names, milliseconds."""
        return {
            "limit": self.limit,
            "factor": self.factor,
            "minTimeoutInMs": _milliseconds(self.min_timeout),
            "maxTimeoutInMs": _milliseconds(self.max_timeout),
            "randomize": self.randomize,
        }


def retry_delay(options: RetryOptions, attempts: int, random: Callable[[], float]) -> timedelta | None:
    """Compute how long to wait before the next attempt.

    Args:
        options: The retry options.
        attempts: How many attempts there have been, the one that just failed included.
        random: Gives a number in [0, 1); asked only when the options say ``randomize``.

    Returns:
        The delay in whole milliseconds, unless capped by ``max_timeout``; ``None`` when the attempts are used up.
    """
    if attempts >= options.limit:
        return None
    stretch = 1 + random() if options.randomize else 1.0
    first = max(options.min_timeout * 1000, 1.0)
    try:
        milliseconds = stretch * first * options.factor ** max(attempts - 2, 0)
    except OverflowError:
        milliseconds = math.inf
    cap = options.max_timeout * 1000
    return timedelta(milliseconds=cap if milliseconds >= cap else min(math.floor(milliseconds + 0.5), cap))


def _milliseconds(seconds: float) -> float:
    """Undo the division of ``from_wire``: 0.1 s is 100 ms, not 100.00000000000001."""
    milliseconds = round(seconds * 1000, 6)
    return int(milliseconds) if milliseconds.is_integer() else milliseconds


def _seconds(value: float | timedelta, name: str) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else _finite(value, name)
    if not 0 <= seconds <= _MAX_SECONDS:
        raise InvalidArgumentError(f"{name} is a duration from 0 to {_MAX_SECONDS} seconds, not {value!r}.")
    return seconds


def _positive_number(value: float, name: str) -> float:
    number = _finite(value, name)
    if number <= 0:
        raise InvalidArgumentError(f"{name} is greater than 0, not {value!r}.")
    return number


def _finite(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidArgumentError(f"{name} is a number, not {type_name(value)}.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidArgumentError(f"{name} is a finite number.")
    return number
