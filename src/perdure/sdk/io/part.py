"""The base of each part of the task library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.calls import Caller
    from perdure.sdk.execution import Execution
    from perdure.sdk.io.options import TaskOptions


class Part(ABC):
    """Calls that are made of `IO.run_task`.

    What makes such a call may run in a thread or on the event loop; the function of the task, if it is async, always
    runs on the loop.
    """

    _execution: Execution

    @abstractmethod
    def _start(
        self,
        operation: str,
        key: CacheKey | None,
        fn: Callable[..., Any] | None,
        options: TaskOptions,
        identity: object = None,
    ) -> Coroutine[Any, Any, Any]:
        """Make the call of a task; ``identity`` stands for the function where that is made anew each time."""

    @abstractmethod
    def _open(
        self, operation: str, key: object, make: Callable[[Caller], Coroutine[Any, Any, Any]]
    ) -> Coroutine[Any, Any, Any]:
        """Make a call that is no task; ``make`` gives its coroutine for whoever makes it."""
