"""`io.yield_execution` (`io.brb`): end the execution at hand and begin another at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from perdure.protocol.execution import Yielded
from perdure.protocol.keys import display_key
from perdure.sdk.calls import begin, finish, never
from perdure.sdk.io.part import Part
from perdure.sdk.names import check_name
from perdure.sdk.scope import current_scope

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.branches import Branch
    from perdure.sdk.calls import Caller
    from perdure.sdk.execution import Execution


class YieldCalls(Part):
    """Yielding."""

    def yield_execution(self, key: CacheKey | None = None) -> Coroutine[Any, Any, None]:
        """End this execution and begin another at once, which falls through here.

        In a process of your own this is hardly ever needed; it is for hosts that limit how long a request may take.

        Args:
            key: Names the place, ``None`` for an automatic one; each place of a run has its own. At most 100 in a run.

        Raises:
            InvalidArgumentError: The key is neither text nor a list of JSON values, or is shown as more than 512
                characters.

        See also: v2 protocol, section 6.7.
        """
        place = None if key is None else check_name(display_key(key), what="key")
        return self._open("yield_execution", key, partial(_yield_at, self._execution, place))

    def brb(self, key: CacheKey | None = None) -> Coroutine[Any, Any, None]:
        """`yield_execution` by its other name."""
        return self.yield_execution(key)


async def _yield_at(execution: Execution, place: str | None, call: Caller) -> Any:
    branch = begin(execution, call)
    if branch is None:
        return await never(execution)
    try:
        if place is None:
            place = _automatic_place(execution, branch)
        if place in execution.request.yielded:
            return None
        return await execution.on_loop(call, partial(_end_execution, execution, place))
    finally:
        finish(execution, call, branch)


def _automatic_place(execution: Execution, branch: Branch) -> str:
    scope = current_scope.get(execution.root)
    if scope.execution is not execution:
        scope = execution.root
    with execution.lock:
        return execution.memo.place(scope, "yield_execution", branch)


async def _end_execution(execution: Execution, place: str) -> None:
    await execution.lines.flush()
    raise execution.give_up(Yielded(place))
