"""The calls of `perdure.sdk.handle`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from perdure.protocol.statuses import RunStatus
from perdure.sdk.blocking import SyncTwin
from perdure.sdk.handle import RunHandle

if TYPE_CHECKING:
    from datetime import timedelta

T = TypeVar("T")


class SyncRunHandle(SyncTwin[RunHandle[T]], Generic[T]):
    """`RunHandle` for plain functions: the same calls, blocking.

    A run that was invoked, by its id.

    Attributes:
        id: The run's id.
    """

    @property
    def id(self) -> str:
        """The run's id."""
        return self._inner.id

    def result(self, *, timeout: float | timedelta | None = None) -> T:
        """Wait for the run's end and return its output.

        Args:
            timeout: How long to wait at most, in seconds or as a ``timedelta``; ``None``: as long as it takes.

        Raises:
            InvalidArgumentError: The time-out is negative or no number.
            InvokedRunFailedError: It did not succeed.
            TimeoutError: It takes longer; the run goes on.
        """
        return self._run(self._inner.result(timeout=timeout))

    def status(self) -> RunStatus:
        """Look up where the run stands."""
        return self._run(self._inner.status())

    def cancel(self) -> None:
        """Cancel the run; nothing happens if it has ended."""
        return self._run(self._inner.cancel())
