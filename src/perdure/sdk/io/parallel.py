"""`io.parallel`: one function over many items at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from perdure.errors import InvalidArgumentError
from perdure.sdk.codec import return_type
from perdure.sdk.io.body import is_async, name_of
from perdure.sdk.io.options import TaskOptions, details_text, sequence_details
from perdure.sdk.io.part import Part
from perdure.sdk.scope import Scope, current_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from perdure.protocol.keys import CacheKey

T = TypeVar("T")
Item = TypeVar("Item")


class ParallelCalls(Part):
    """Working on many items."""

    def parallel(
        self,
        key: CacheKey | None = None,
        items: Sequence[Item] = (),
        fn: Callable[[Item, int], Awaitable[T]] | None = None,
        *,
        name: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
    ) -> Coroutine[Any, Any, list[T]]:
        """Run a function over all items at once, each a branch of its own.

        All items share the block's scope, so explicit cache keys used inside must differ from item to item;
        automatic ones are kept apart by the item's index.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            items: What to work on.
            fn: ``async fn(item, index)``; may use ``io`` as it likes.
            name: The name that is shown; default: the function's qualified name.
            properties: Shown with the block.

        Returns:
            The results in the items' order, after a JSON round trip.

        Raises:
            Exception: The failure of the first item (by index) that failed, once all have ended.

        See also: v2 protocol, section 6.8.
        """
        given = cast("object", items)
        if isinstance(given, str | bytes) or not isinstance(given, Iterable):
            raise InvalidArgumentError(f"io.parallel needs a sequence of items; it was given {items!r:.60}.")
        if not callable(fn) or not is_async(fn):
            raise InvalidArgumentError("io.parallel needs an async function: io.parallel(key, items, fn).")
        details = details_text(properties=sequence_details(properties))
        result: Any = list[return_type(fn)] if return_type(fn) is not None else None  # type: ignore[misc]
        options = TaskOptions(operation="parallel", name=name or name_of(fn), as_type=result, details=details)
        return self._start("parallel", key, _Block(list(items), fn), options, fn)


class _Block:
    """The body: starts a branch for each item and waits for all of them."""

    def __init__(self, items: list[Any], fn: Callable[[Any, int], Awaitable[Any]]) -> None:
        self._items = items
        self._fn = fn

    async def __call__(self) -> list[Any]:
        branches = [asyncio.ensure_future(self._item(item, index)) for index, item in enumerate(self._items)]
        results = await asyncio.gather(*branches, return_exceptions=True)
        outer = current_scope.get()
        for result in results:
            if isinstance(result, BaseException):
                if outer.failed is None:
                    outer.failed = []
                outer.failed.append(result)
                raise result
        return results

    async def _item(self, item: Any, index: int) -> Any:
        outer = current_scope.get()
        current_scope.set(Scope(outer.execution, outer.task, f"{outer.item}{index}."))
        return await self._fn(item, index)
