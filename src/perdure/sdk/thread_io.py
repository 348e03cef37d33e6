"""The task library for code in threads: the async one, its calls made where they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from perdure.errors import InvalidArgumentError, SyncInAsyncError
from perdure.sdk.io import IO
from perdure.sdk.io.logger import Logger
from perdure.sdk.io.run_task import run_task
from perdure.sdk.lane import current_lane
from perdure.sdk.sync_io import SyncIO

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.calls import Caller
    from perdure.sdk.execution import Execution
    from perdure.sdk.io.options import TaskOptions
    from perdure.sdk.lane import Lane

T = TypeVar("T")


def make_sync_io(execution: Execution) -> SyncIO:
    """Make what plain code of a run is given as ``io``."""
    return SyncIO(ThreadIO(execution), ThreadBridge(execution))


class ThreadCall(Coroutine[Any, Any, Any]):
    """A call that was made in a thread.

    `ThreadBridge` runs it in that thread. On the event loop, where a body may have made it with a library that it got
    from plain code, it can be awaited like any other.
    """

    __slots__ = ("_execution", "_key", "_made", "_operation", "make")

    def __init__(
        self, execution: Execution, operation: str, key: object, make: Callable[[Caller], Coroutine[Any, Any, Any]]
    ) -> None:
        self.make = make
        self._execution = execution
        self._operation = operation
        self._key = key
        self._made: Coroutine[Any, Any, Any] | None = None

    def _begin(self) -> Coroutine[Any, Any, Any]:
        if self._made is None:
            execution = self._execution
            self._made = self.make(execution.calls.next)
            execution.calls.open(self._operation, self._key, self._made)
        return self._made

    def __await__(self) -> Generator[Any, Any, Any]:
        """Await the call, on the event loop."""
        return self._begin().__await__()

    def send(self, value: Any) -> Any:
        """Run the call to its next suspension, on the event loop."""
        return self._begin().send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an error where the call is suspended."""
        return self._begin().throw(*error)

    def close(self) -> None:
        """End the call."""
        if self._made is not None:
            self._made.close()


class ThreadIO(IO):
    """The task library whose calls are made in threads."""

    def __init__(self, execution: Execution) -> None:
        super().__init__(execution)
        self.logger = ThreadLogger(execution)

    def _start(
        self,
        operation: str,
        key: CacheKey | None,
        fn: Callable[..., Any] | None,
        options: TaskOptions,
        identity: object = None,
    ) -> Coroutine[Any, Any, Any]:
        if not callable(fn):
            self._check_function(operation, key, fn, options)
        execution = self._execution
        return ThreadCall(execution, operation, key, lambda call: run_task(execution, call, key, fn, options, identity))

    def _open(
        self, operation: str, key: object, make: Callable[[Caller], Coroutine[Any, Any, Any]]
    ) -> Coroutine[Any, Any, Any]:
        return ThreadCall(self._execution, operation, key, make)


class ThreadLogger(Logger):
    """The logger whose calls are made in threads."""

    __slots__ = ()

    def _open(self, text: str, make: Callable[[Caller], Coroutine[Any, Any, None]]) -> Coroutine[Any, Any, None]:
        return ThreadCall(self._execution, "logger", text, make)


class ThreadBridge:
    """Runs calls to their end in the thread that makes them, which it blocks."""

    __slots__ = ("_execution",)

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def __call__(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a call.

        Raises:
            SyncInAsyncError: This thread runs an event loop.
            InvalidArgumentError: This thread belongs to no code of the run.
        """
        lane = current_lane()
        if lane is None or lane.execution is not self._execution:
            call.close()
            raise _refusal(lane)
        # Its own class, and no other: asking an abstract one costs ten times as much.
        if type(call) is ThreadCall:
            value: T = lane.drive(call.make(lane))
            return value
        # It is no task, and may await anything.
        try:
            lane.begin()
        except BaseException:
            call.close()
            raise
        return lane.join(call)


def _refusal(lane: Lane | None) -> Exception:
    if lane is not None:
        return InvalidArgumentError("This io belongs to another run than the code that uses it; use the job's own.")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return InvalidArgumentError(
            "io was used in a thread that the job has started by itself, where a run cannot be suspended. Use "
            "io.parallel for work at the same time, or do in that thread only what needs no io."
        )
    return SyncInAsyncError(
        "This io blocks its thread, and this thread runs an event loop. An async body gets an io to await: let it take "
        "(task, io), or ask perdure.current().io."
    )
