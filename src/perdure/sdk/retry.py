"""When a failing task is tried again: ``Retry``, and what an ``on_error`` function may answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perdure.errors import InvalidArgumentError
from perdure.protocol.retries import RetryOptions
from perdure.protocol.value_paths import type_name
from perdure.sdk.durations import instant

if TYPE_CHECKING:
    from datetime import datetime


class Retry(RetryOptions):
    """How often a failing task is tried, and how long to wait in between.

    The delay before attempt n is ``min_timeout * factor ** (n - 3)``, but ``min_timeout`` at least and
    ``max_timeout`` at most; the first two delays are equal (v2 protocol, section 6.9).

    Args:
        limit: How many attempts there are in all; 0 and 1 both mean that nothing is tried again.
        factor: What each delay after the second is multiplied by.
        min_timeout: The first and the second delay, in seconds or as a ``timedelta``.
        max_timeout: The longest delay, in seconds or as a ``timedelta``.
        randomize: Stretch each delay by a random factor between 1 and 2.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, negative or not finite.
    """

    __slots__ = ()

    @classmethod
    def standard(cls) -> Retry:
        """Eight attempts, half a second to half a minute apart."""
        return cls(limit=8, factor=1.8, min_timeout=0.5, max_timeout=30)

    @classmethod
    def exponential(cls) -> Retry:
        """Eight attempts, each delay twice the one before, from one second to half a minute."""
        return cls(limit=8, factor=2, min_timeout=1, max_timeout=30)


def as_retry(value: RetryOptions | Mapping[str, Any] | None) -> RetryOptions | None:
    """Read the ``retry=`` argument of a call: a `Retry`, or a dict with the names of its arguments.

    Raises:
        InvalidArgumentError: It is of another type, has an unknown name or an unacceptable value.
    """
    if value is None or isinstance(value, RetryOptions):
        return value
    if not isinstance(value, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgumentError(f"retry= is a Retry or a dict with its names, not {type_name(value)}.")
    return Retry.from_mapping(value)


class RetryAt:
    """Answer of ``on_error``: try again at an instant, however many attempts there have been.

    Args:
        at: An aware ``datetime``.
        error: Recorded for the attempt in place of the error that was raised.

    Raises:
        InvalidArgumentError: ``at`` is naive or no ``datetime``, or ``error`` is no exception.
    """

    __slots__ = ("at", "error")

    def __init__(self, at: datetime, error: Exception | None = None) -> None:
        if error is not None and not isinstance(error, Exception):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgumentError(f"RetryAt takes an exception as error=, not {type_name(error)}.")
        self.at = instant(at, what="RetryAt(at)")
        self.error = error


class SkipRetrying:
    """Answer of ``on_error``: the task has failed for good, whatever its ``retry=`` says."""

    __slots__ = ()
