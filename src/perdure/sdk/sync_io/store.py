"""The calls of `perdure.sdk.io.store`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from msgspec import UNSET

from perdure.sdk.blocking import SyncTwin
from perdure.sdk.io.store import RunValues, Store

if TYPE_CHECKING:
    from perdure.protocol.keys import CacheKey

T = TypeVar("T")


class SyncStore(SyncTwin[Store]):
    """`Store` for plain functions: the same calls, blocking.

    The stores of values that a run can reach; each knows nothing of what the others hold.
    """

    @property
    def env(self) -> SyncRunValues:
        """The values of the environment, the same ones as those of ``client.store.env``."""
        return SyncRunValues(self._inner.env, self._run)

    @property
    def job(self) -> SyncRunValues:
        """The values that all runs of this job share."""
        return SyncRunValues(self._inner.job, self._run)

    @property
    def run(self) -> SyncRunValues:
        """The values of this run, which go when it goes."""
        return SyncRunValues(self._inner.run, self._run)


class SyncRunValues(SyncTwin[RunValues]):
    """`RunValues` for plain functions: the same calls, blocking.

    The values of one store, for job code: each call is a task.

    The work is done in the transaction that records the task's result. So it is done exactly once, and an execution
    that no longer holds its run writes nothing.
    """

    @overload
    def get(self, key: CacheKey | None = None, name: str | None = None, *, as_type: None = None) -> Any: ...

    @overload
    def get(self, key: CacheKey | None = None, name: str | None = None, *, as_type: type[T]) -> T | None: ...

    def get(self, key: CacheKey | None = None, name: str | None = None, *, as_type: Any = None) -> Any:
        """Read a value: the one that was there when this line was first reached.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            name: The value's name, 1 to 512 bytes of UTF-8. It must be given.
            as_type: The type of the value; default: plain JSON.

        Returns:
            The value; ``None`` if there is none, or if ``None`` was stored (`has` tells).

        Raises:
            InvalidArgumentError: The name is none.
            PayloadValidationError: The value does not fit ``as_type``.

        See also: v2 protocol, section 4.5.
        """
        call: Any = self._inner.get
        result: Any = self._run(call(key, name, as_type=as_type))
        return result

    def set(self, key: CacheKey | None = None, name: str | None = None, value: Any = UNSET) -> Any:
        """Store a value in place of what its name had.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            name: The value's name, 1 to 512 bytes of UTF-8. It must be given.
            value: A JSON value, a model, …; of at most 256 KiB as JSON. It must be given.

        Returns:
            The value after a JSON round trip.

        Raises:
            InvalidArgumentError: The name is none, or no value is given.
            UnserializableOutputError: The value has no JSON form.
            ValueTooLargeError: It is over 256 KiB.

        See also: v2 protocol, section 4.5.
        """
        return self._run(self._inner.set(key, name, value))

    def has(self, key: CacheKey | None = None, name: str | None = None) -> bool:
        """Ask whether there is a value.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            name: The value's name, 1 to 512 bytes of UTF-8. It must be given.

        Raises:
            InvalidArgumentError: The name is none.
        """
        return self._run(self._inner.has(key, name))

    def delete(self, key: CacheKey | None = None, name: str | None = None) -> bool:
        """Delete a value.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            name: The value's name, 1 to 512 bytes of UTF-8. It must be given.

        Returns:
            Whether it was there.

        Raises:
            InvalidArgumentError: The name is none.
        """
        return self._run(self._inner.delete(key, name))
