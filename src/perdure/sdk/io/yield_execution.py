"""`io.yield_execution` (`io.brb`): end the execution at hand and begin another at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from perdure.protocol.execution import Yielded
from perdure.sdk.io.part import Part
from perdure.sdk.names import check_name

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from perdure.sdk.execution import Caller, Execution


class YieldCalls(Part):
    """Yielding."""

    def yield_execution(self, key: str) -> Coroutine[Any, Any, None]:
        """End this execution and begin another at once, which falls through here.

        In a process of your own this is hardly ever needed; it is for hosts that limit how long a request may take.

        Args:
            key: Names the place; each place of a run has its own. At most 100 in a run.

        Raises:
            InvalidArgumentError: The key is no text of 1 to 512 characters.

        See also: v2 protocol, section 6.7.
        """
        check_name(key, what="key")
        return self._open("yield_execution", key, partial(_yield_at, self._execution, key))

    def brb(self, key: str) -> Coroutine[Any, Any, None]:
        """`yield_execution` by its other name."""
        return self.yield_execution(key)


async def _yield_at(execution: Execution, key: str, call: Caller) -> Any:
    branch = execution.begin(call)
    if branch is None:
        return await execution.never()
    try:
        if key in execution.request.yielded:
            return None
        return await execution.on_loop(call, partial(_end_execution, execution, key))
    finally:
        execution.finish(call, branch)


async def _end_execution(execution: Execution, key: str) -> None:
    await execution.lines.flush()
    raise execution.give_up(Yielded(key))
