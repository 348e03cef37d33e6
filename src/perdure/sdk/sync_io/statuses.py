"""The calls of `perdure.sdk.io.statuses`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.sdk.blocking import SyncPart, SyncTwin
from perdure.sdk.io.statuses import Status
from perdure.sdk.records.runs import RunStatus

if TYPE_CHECKING:
    from perdure.protocol.keys import CacheKey


class SyncStatusCalls(SyncPart):
    """`StatusCalls` for plain functions: the same calls, blocking.

    Statuses.
    """

    def create_status(
        self, key: CacheKey | None = None, *, label: str, state: str | None = None, data: Any = None
    ) -> SyncStatus:
        """Show a status of this run to the outside, under the cache key, the parts of a list joined by ``-``.

        A status that the run has under this key already is changed instead.

        Args:
            key: The cache key and the status's key: 1 to 512 bytes. ``None`` for an automatic one, which the status
                tells.
            label: What is shown: 1 to 512 characters without control characters.
            state: ``"loading"``, ``"success"``, ``"failure"`` or ``None``.
            data: A JSON object or a model, of at most 64 KiB as JSON, or ``None``.

        Returns:
            The status; its ``update`` changes it.

        Raises:
            InvalidArgumentError: An argument is outside its limits, or the run has 1,000 statuses already.
            UnserializableOutputError: The data has no JSON form.
            ValueTooLargeError: The data is over 64 KiB.

        See also: v2 protocol, section 4.3.
        """
        return SyncStatus(self._run(self._io.create_status(key, label=label, state=state, data=data)), self._run)


class SyncStatus(SyncTwin[Status]):
    """`Status` for plain functions: the same calls, blocking.

    A status that this run shows: a `RunStatus` that job code can change.

    It stays as it is; `update` gives it as it then is.
    """

    @property
    def key(self) -> str:
        """The key it was created with."""
        return self._inner.key

    @property
    def label(self) -> str:
        """What is shown."""
        return self._inner.label

    @property
    def state(self) -> str | None:
        """``loading``, ``success``, ``failure`` or ``None``."""
        return self._inner.state

    @property
    def data(self) -> Any:
        """A JSON object, or ``None``."""
        return self._inner.data

    @property
    def history(self) -> tuple[RunStatus, ...]:
        """The earlier states of it, oldest first."""
        return self._inner.history

    def update(
        self, key: CacheKey | None = None, *, label: str | None = None, state: str | None = None, data: Any = None
    ) -> SyncStatus:
        """Change the status; what it was goes to its history. What is not given stays.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            label: What is shown: 1 to 512 characters without control characters.
            state: ``"loading"``, ``"success"`` or ``"failure"``.
            data: A JSON object or a model, of at most 64 KiB as JSON.

        Returns:
            The status as it then is.

        Raises:
            InvalidArgumentError: Nothing is given, or what is given is outside its limits.
            UnserializableOutputError: The data has no JSON form.
            ValueTooLargeError: The data is over 64 KiB.

        See also: v2 protocol, section 4.3.
        """
        return SyncStatus(self._run(self._inner.update(key, label=label, state=state, data=data)), self._run)
