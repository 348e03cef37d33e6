"""Durations and instants as arguments: seconds or ``timedelta``, and aware ``datetime`` only."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final

from perdure.errors import InvalidArgumentError
from perdure.protocol.value_paths import type_name

MAX_SECONDS: Final = 10**10
"""The longest duration, some 317 years: added to any instant of this century it is still a date."""

_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
"""The last whole millisecond that is a date; what is due is stored rounded up to one."""


def seconds_of(value: object, *, what: str) -> float:
    """Read a duration.

    Args:
        value: Seconds as ``int`` or ``float``, or a ``timedelta``.
        what: The argument's name, for the message.

    Returns:
        The duration in seconds, from 0 to 10 000 000 000.

    Raises:
        InvalidArgumentError: The value is of another type, negative, not finite or longer than that.
    """
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = value
    else:
        raise InvalidArgumentError(
            f"{what} is a duration, in seconds or as a timedelta; {_shown(value)} is a {type_name(value)}."
        )
    if not 0 <= seconds <= MAX_SECONDS:
        raise InvalidArgumentError(f"{what} is a duration from 0 to {MAX_SECONDS} seconds, not {_shown(value)}.")
    return float(seconds)


def time_limit_of(value: object, *, what: str) -> float:
    """Read for how long something may go on: a duration of more than nothing.

    Raises:
        InvalidArgumentError: The value is no duration, or 0.
    """
    seconds = seconds_of(value, what=what)
    if not seconds:
        raise InvalidArgumentError(
            f"{what} is more than 0 seconds: nothing ends in no time. Leave it out for no limit."
        )
    return seconds


def instant(value: object, *, what: str) -> datetime:
    """Read an instant.

    Args:
        value: An aware ``datetime``.
        what: The argument's name, for the message.

    Returns:
        The same instant in UTC; ``datetime.max`` is its last whole millisecond.

    Raises:
        InvalidArgumentError: The value is no ``datetime``, or a naive one, which names no instant; or it lies
            outside the years 1 to 9999 in UTC.
    """
    if not isinstance(value, datetime):
        raise InvalidArgumentError(f"{what} is an aware datetime; {_shown(value)} is a {type_name(value)}.")
    if value.utcoffset() is None:
        raise InvalidArgumentError(
            f"{what} is a naive datetime, {value.isoformat()}, which names no instant; give it a time zone, such as "
            "datetime.now(UTC) has."
        )
    try:
        return min(value.astimezone(UTC), _LAST)
    except OverflowError as error:
        raise InvalidArgumentError(f"{what} is outside the years 1 to 9999 in UTC: {value.isoformat()}.") from error


def _shown(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
