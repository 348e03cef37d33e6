"""The calls of `perdure.sdk.io.parallel`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.sdk.blocking import SyncPart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from perdure.protocol.keys import CacheKey

Item = TypeVar("Item")
T = TypeVar("T")


class SyncParallelCalls(SyncPart):
    """`ParallelCalls` for plain functions: the same calls, blocking.

    Working on many items.
    """

    @overload
    def parallel(
        self,
        key: CacheKey | None = None,
        items: Sequence[Item] | None = None,
        fn: Callable[[Item, int], Awaitable[T]] | None = None,
        *,
        name: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
    ) -> list[T]: ...

    @overload
    def parallel(
        self,
        key: CacheKey | None = None,
        items: Sequence[Item] | None = None,
        fn: Callable[[Item, int], T] | None = None,
        *,
        name: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
    ) -> list[T]: ...

    def parallel(
        self,
        key: CacheKey | None = None,
        items: Sequence[Any] | None = None,
        fn: Callable[[Any, int], Any] | None = None,
        *,
        name: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
    ) -> list[Any]:
        """Run a function over all items at once, each a branch of its own.

        All items share the block's scope, so explicit cache keys used inside must differ from item to item;
        automatic ones are kept apart by the item's index.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            items: What to work on.
            fn: ``fn(item, index)``, async or plain (then each item has a thread); may use ``io`` as it likes.
            name: The name that is shown; default: the function's qualified name.
            properties: Shown with the block.

        Returns:
            The results in the items' order, after a JSON round trip.

        Raises:
            Exception: The failure of the first item (by index) that failed, once all have ended.

        See also: v2 protocol, section 6.8.
        """
        call: Any = self._io.parallel
        result: list[Any] = self._run(call(key, items, fn, name=name, properties=properties))
        return result
