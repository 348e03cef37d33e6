"""`io.yield_execution` (`io.brb`): end the execution at hand and begin another at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.protocol.execution import Yielded
from perdure.sdk.io.part import Part
from perdure.sdk.names import check_name

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from perdure.sdk.execution import Execution


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
        execution = self._execution
        coroutine = _yield_at(execution, execution.next_call, key)
        execution.open_call("yield_execution", key, coroutine)
        return coroutine

    def brb(self, key: str) -> Coroutine[Any, Any, None]:
        """`yield_execution` by its other name."""
        return self.yield_execution(key)


async def _yield_at(execution: Execution, call: int, key: str) -> Any:
    branch = execution.begin(call)
    if branch is None:
        return await execution.never()
    try:
        if key in execution.request.yielded:
            return None
        await execution.lines.flush()
        raise execution.give_up(Yielded(key))
    finally:
        execution.finish(branch)
