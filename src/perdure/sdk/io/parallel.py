"""`io.parallel`: one function over many items at the same time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from perdure.errors import InvalidArgumentError
from perdure.sdk.codec import return_type
from perdure.sdk.io.body import is_async, name_of
from perdure.sdk.io.options import TaskOptions, check_texts, details_text, sequence_details
from perdure.sdk.io.part import Part
from perdure.sdk.io.raised import exit_as_error, note_failure
from perdure.sdk.lane import Lane, current_lane
from perdure.sdk.scope import Scope, current_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from perdure.protocol.keys import CacheKey

T = TypeVar("T")
Item = TypeVar("Item")


class ParallelCalls(Part):
    """Working on many items."""

    @overload
    def parallel(
        self,
        key: CacheKey | None = None,
        items: Sequence[Item] | None = None,
        fn: Callable[[Item, int], Awaitable[T]] | None = None,
        *,
        name: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
    ) -> Coroutine[Any, Any, list[T]]: ...

    @overload
    def parallel(
        self,
        key: CacheKey | None = None,
        items: Sequence[Item] | None = None,
        fn: Callable[[Item, int], T] | None = None,
        *,
        name: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
    ) -> Coroutine[Any, Any, list[T]]: ...

    def parallel(
        self,
        key: CacheKey | None = None,
        items: Sequence[Any] | None = None,
        fn: Callable[[Any, int], Any] | None = None,
        *,
        name: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
    ) -> Coroutine[Any, Any, list[Any]]:
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
        if items is None:
            raise InvalidArgumentError(
                'io.parallel needs its items: io.parallel("key", items, fn), or io.parallel(items=items, fn=fn).'
            )
        given = cast("object", items)
        if isinstance(given, str | bytes) or not isinstance(given, Iterable):
            raise InvalidArgumentError(f"io.parallel needs a sequence of items; it was given {items!r:.60}.")
        if not callable(fn):
            raise InvalidArgumentError("io.parallel needs a function: io.parallel(key, items, fn).")
        check_texts(name=name)
        details = details_text(properties=sequence_details(properties))
        result: Any = list[return_type(fn)] if return_type(fn) is not None else None  # type: ignore[misc]
        options = TaskOptions(operation="parallel", name=name or name_of(fn), as_type=result, details=details)
        return self._start("parallel", key, _Block(list(items), fn), options, fn)


class _Block:
    """The body: starts a branch for each item, or for each thread, and waits for all of them."""

    def __init__(self, items: list[Any], fn: Callable[[Any, int], Any]) -> None:
        self._items = items
        self._fn = fn

    async def __call__(self) -> list[Any]:
        outer = current_scope.get()
        if is_async(self._fn):
            branches = [asyncio.ensure_future(self._item(item, index)) for index, item in enumerate(self._items)]
            results = await asyncio.gather(*branches, return_exceptions=True)
        else:
            results = await _Threads(outer, self._items, self._fn).run()
        for result in results:
            if isinstance(result, BaseException):
                raise note_failure(outer, result)
        return results

    async def _item(self, item: Any, index: int) -> Any:
        outer = current_scope.get()
        current_scope.set(Scope(outer.execution, outer.task, f"{outer.item}{index}."))
        return await self._fn(item, index)


class _Threads:
    """Threads that take one item after the other: as many as there are items, as far as the pool has them."""

    def __init__(self, outer: Scope, items: list[Any], fn: Callable[[Any, int], Any]) -> None:
        self._outer = outer
        self._fn = fn
        self._waiting = deque(enumerate(items))
        self._results: list[Any] = [None] * len(items)
        self._lanes: list[Lane] = []

    async def run(self) -> list[Any]:
        """Work on all items; the results in their order, exceptions among them."""
        pool = self._outer.execution.host.item_threads
        count = min(len(self._results), pool.limit)
        branches = [asyncio.ensure_future(self._thread()) for _ in range(count)]
        for ended in await asyncio.gather(*branches, return_exceptions=True):
            if ended is not None:
                raise ended
        return self._results

    async def _thread(self) -> None:
        execution = self._outer.execution
        lane = Lane(execution, execution.branch_at_hand(), execution.host.item_threads)
        self._lanes.append(lane)
        try:
            await lane.run(self._work)
        finally:
            # No item is left for those that have not got a thread yet.
            for one in self._lanes:
                one.seating.dismiss()

    def _work(self) -> None:
        while True:
            try:
                index, item = self._waiting.popleft()
            except IndexError:
                return
            try:
                self._results[index] = copy_context().run(self._item, item, index)
            except Exception as error:
                self._results[index] = error
            except SystemExit as error:
                self._results[index] = exit_as_error(error)

    def _item(self, item: Any, index: int) -> Any:
        outer = self._outer
        current_scope.set(Scope(outer.execution, outer.task, f"{outer.item}{index}."))
        value = self._fn(item, index)
        lane = current_lane()
        return lane.join(value) if asyncio.iscoroutine(value) and lane is not None else value
