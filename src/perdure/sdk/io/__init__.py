"""The task library: what ``io`` offers to a job.

Each file here is one part of the page: `task_calls`, `wait`, `logger`, `random`, `send_event`, `parallel`, `invoke`,
`invoke_and_wait`, `batch_invoke_and_wait`, `store`, `statuses`, `schedules`, `triggers`, `sent_events`,
`background_fetch`, `background_poll`.
`IO` gathers them. Start reading at `run_task`, which runs a task: everything else is made of it.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from perdure.errors import InvalidArgumentError
from perdure.sdk.io.background_fetch import FetchCalls
from perdure.sdk.io.background_poll import PollCalls
from perdure.sdk.io.batch_invoke_and_wait import BatchInvokeCalls
from perdure.sdk.io.body import name_of
from perdure.sdk.io.invoke import InvokeCalls
from perdure.sdk.io.invoke_and_wait import AwaitedInvokeCalls
from perdure.sdk.io.logger import Logger
from perdure.sdk.io.parallel import ParallelCalls
from perdure.sdk.io.random import RandomCalls
from perdure.sdk.io.run_task import run_task
from perdure.sdk.io.schedules import ScheduleCalls
from perdure.sdk.io.send_event import EventCalls
from perdure.sdk.io.sent_events import SentEventCalls
from perdure.sdk.io.statuses import StatusCalls
from perdure.sdk.io.store import Store
from perdure.sdk.io.task_calls import TaskCalls
from perdure.sdk.io.triggers import TriggerCalls
from perdure.sdk.io.wait import WaitCalls
from perdure.sdk.io.wait_for_event import EventWaitCalls
from perdure.sdk.io.wait_for_request import RequestCalls
from perdure.sdk.io.yield_execution import YieldCalls

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.calls import Caller
    from perdure.sdk.execution import Execution
    from perdure.sdk.io.options import TaskOptions


class IO(
    TaskCalls,
    WaitCalls,
    RequestCalls,
    EventWaitCalls,
    YieldCalls,
    RandomCalls,
    EventCalls,
    SentEventCalls,
    ParallelCalls,
    InvokeCalls,
    AwaitedInvokeCalls,
    BatchInvokeCalls,
    StatusCalls,
    ScheduleCalls,
    TriggerCalls,
    FetchCalls,
    PollCalls,
):
    """The task library of one run.

    Every call takes its cache key first; leave the key out and name the rest to get an automatic one. Each result
    is stored and given again, equal and of equal type, whenever the run is executed again.

    Attributes:
        logger: Writes lines to the run's log.
    """

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self.logger = Logger(execution)

    @property
    def store(self) -> Store:
        """The stores of values: ``io.store.env``, ``io.store.job`` and ``io.store.run``."""
        # Made anew each time: kept, it would refer back to this object.
        return Store(self._execution, self._start)

    def _start(
        self, operation: str, key: CacheKey | None, fn: Callable[..., Any] | None, options: TaskOptions,
        identity: object = None,
    ) -> Coroutine[Any, Any, Any]:  # fmt: skip
        if not callable(fn):
            self._check_function(operation, key, fn, options)
        execution = self._execution
        coroutine = run_task(execution, execution.calls.next, key, fn, options, identity)
        execution.calls.open(operation, key, coroutine)
        return coroutine

    def _open(
        self, operation: str, key: object, make: Callable[[Caller], Coroutine[Any, Any, Any]]
    ) -> Coroutine[Any, Any, Any]:
        execution = self._execution
        coroutine = make(execution.calls.next)
        execution.calls.open(operation, key, coroutine)
        return coroutine

    def _check_function(self, operation: str, key: CacheKey | None, fn: object, options: TaskOptions) -> None:
        if fn is None and (options.noop or options.wait is not None or options.call is not None):
            return
        if isinstance(fn, Coroutine):
            fn.close()
            raise InvalidArgumentError(
                f"io.{operation}({key!r}, …) was given a coroutine, which could run only once; give it the function: "
                "load, or lambda: load(x), in place of load(x)."
            )
        if callable(key):
            raise InvalidArgumentError(
                f"io.{operation} takes its cache key first; to get an automatic one, name the function: "
                f"io.{operation}(fn={name_of(key)})."
            )
        what = "no function" if fn is None else f"{fn!r:.60}"
        raise InvalidArgumentError(
            f"io.{operation}({key!r}, …) needs a function to run, or noop=True; it was given {what}."
        )
