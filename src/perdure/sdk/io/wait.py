"""`io.wait` and `io.wait_until`: tasks without a body that end at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from perdure.errors import InvalidArgumentError
from perdure.sdk.durations import instant, seconds_of
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.io.part import Part

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from perdure.protocol.keys import CacheKey

_DETAILS = details_text(icon="clock", style={"style": "minimal"})


class WaitCalls(Part):
    """Waiting for a time."""

    def wait(self, key: CacheKey | None = None, seconds: float | timedelta | None = None) -> Coroutine[Any, Any, None]:
        """Go on after a delay; meanwhile nothing need be held in memory.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            seconds: How long, in seconds or as a ``timedelta``, counted from the first time this line is reached.

        Raises:
            InvalidArgumentError: The delay is missing, negative or no number.

        See also: v2 protocol, section 14 (task ``wait``).
        """
        if seconds is None:
            raise InvalidArgumentError('io.wait needs its seconds: io.wait("key", 60), or io.wait(seconds=60).')
        delay = seconds_of(seconds, what="seconds")
        until = self._execution.host.now() + timedelta(seconds=delay)
        options = TaskOptions(
            operation="wait",
            name="wait",
            params=params_text({"seconds": delay}),
            noop=True,
            delay_until=until,
            details=_DETAILS,
        )
        return self._start("wait", key, None, options)

    def wait_until(self, key: CacheKey | None = None, at: datetime | None = None) -> Coroutine[Any, Any, None]:
        """Go on at an instant; at once if it has passed.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            at: An aware ``datetime``; only that of the first time this line is reached counts.

        Raises:
            InvalidArgumentError: ``at`` is missing or naive.
        """
        if at is None:
            raise InvalidArgumentError('io.wait_until needs an instant: io.wait_until("key", at).')
        options = TaskOptions(
            operation="wait_until", name="wait until", noop=True, delay_until=instant(at, what="at"), details=_DETAILS
        )
        return self._start("wait_until", key, None, options)
