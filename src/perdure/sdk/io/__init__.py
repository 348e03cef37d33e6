"""The task library: what ``io`` offers to a job.

Each file here is one part of the page: `run_task`, `wait`, `logger`, `random`, `send_event`, `parallel`, `invoke`,
`invoke_and_wait`, `store`, `statuses`, `schedules`, `triggers`, `sent_events`, `background_fetch`, `background_poll`.
`IO` gathers them. Start reading at `run_task`: everything else is made of it.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from perdure.errors import InvalidArgumentError
from perdure.sdk.durations import instant, seconds_of
from perdure.sdk.io.background_fetch import FetchCalls
from perdure.sdk.io.background_poll import PollCalls
from perdure.sdk.io.body import name_of
from perdure.sdk.io.invoke import InvokeCalls
from perdure.sdk.io.invoke_and_wait import AwaitedInvokeCalls
from perdure.sdk.io.logger import Logger
from perdure.sdk.io.options import (
    PLAIN,
    TaskOptions,
    callback_wait,
    check_functions,
    check_texts,
    details_text,
    params_text,
    redact_details,
    sequence_details,
    style_details,
)
from perdure.sdk.io.parallel import ParallelCalls
from perdure.sdk.io.random import RandomCalls
from perdure.sdk.io.run_task import run_task
from perdure.sdk.io.schedules import ScheduleCalls
from perdure.sdk.io.send_event import EventCalls
from perdure.sdk.io.sent_events import SentEventCalls
from perdure.sdk.io.statuses import StatusCalls
from perdure.sdk.io.store import Store
from perdure.sdk.io.triggers import TriggerCalls
from perdure.sdk.io.wait import WaitCalls
from perdure.sdk.io.wait_for_event import EventWaitCalls
from perdure.sdk.io.wait_for_request import RequestCalls
from perdure.sdk.io.yield_execution import YieldCalls
from perdure.sdk.retry import as_retry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.calls import Caller
    from perdure.sdk.execution import Execution
    from perdure.sdk.io.options import OnError
    from perdure.sdk.retry import Retry

T = TypeVar("T")


class IO(
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

    @overload
    def run_task(
        self,
        key: CacheKey | None = None,
        fn: Callable[..., Any] | None = None,
        *,
        noop: Literal[True],
        name: str | None = None,
        as_type: Any = None,
        retry: Retry | Mapping[str, Any] | None = None,
        timeout: float | timedelta | None = None,
        icon: str | None = None,
        description: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
        params: Any = None,
        style: Mapping[str, str] | None = None,
        redact: Sequence[str] | None = None,
        display_key: str | None = None,
        delay_until: datetime | None = None,
        callback: float | timedelta | None = None,
        parse_output: Callable[[Any], Any] | None = None,
        on_error: OnError | None = None,
    ) -> Coroutine[Any, Any, None]: ...

    @overload
    def run_task(
        self,
        key: CacheKey | None = None,
        fn: Callable[..., Any] | None = None,
        *,
        callback: float | timedelta,
        name: str | None = None,
        as_type: None = None,
        retry: Retry | Mapping[str, Any] | None = None,
        timeout: float | timedelta | None = None,
        icon: str | None = None,
        description: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
        params: Any = None,
        style: Mapping[str, str] | None = None,
        redact: Sequence[str] | None = None,
        display_key: str | None = None,
        delay_until: datetime | None = None,
        noop: bool = False,
        parse_output: Callable[[Any], Any] | None = None,
        on_error: OnError | None = None,
    ) -> Coroutine[Any, Any, Any]: ...

    @overload
    def run_task(
        self,
        key: CacheKey | None = None,
        fn: Callable[..., Awaitable[T]] | None = None,
        *,
        name: str | None = None,
        as_type: None = None,
        retry: Retry | Mapping[str, Any] | None = None,
        timeout: float | timedelta | None = None,
        icon: str | None = None,
        description: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
        params: Any = None,
        style: Mapping[str, str] | None = None,
        redact: Sequence[str] | None = None,
        display_key: str | None = None,
        delay_until: datetime | None = None,
        noop: bool = False,
        callback: float | timedelta | None = None,
        parse_output: Callable[[Any], Any] | None = None,
        on_error: OnError | None = None,
    ) -> Coroutine[Any, Any, T]: ...

    @overload
    def run_task(
        self,
        key: CacheKey | None = None,
        fn: Callable[..., T] | None = None,
        *,
        name: str | None = None,
        as_type: None = None,
        retry: Retry | Mapping[str, Any] | None = None,
        timeout: float | timedelta | None = None,
        icon: str | None = None,
        description: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
        params: Any = None,
        style: Mapping[str, str] | None = None,
        redact: Sequence[str] | None = None,
        display_key: str | None = None,
        delay_until: datetime | None = None,
        noop: bool = False,
        callback: float | timedelta | None = None,
        parse_output: Callable[[Any], Any] | None = None,
        on_error: OnError | None = None,
    ) -> Coroutine[Any, Any, T]: ...

    @overload
    def run_task(
        self,
        key: CacheKey | None = None,
        fn: Callable[..., Any] | None = None,
        *,
        as_type: type[T],
        name: str | None = None,
        retry: Retry | Mapping[str, Any] | None = None,
        timeout: float | timedelta | None = None,
        icon: str | None = None,
        description: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
        params: Any = None,
        style: Mapping[str, str] | None = None,
        redact: Sequence[str] | None = None,
        display_key: str | None = None,
        delay_until: datetime | None = None,
        noop: bool = False,
        callback: float | timedelta | None = None,
        parse_output: Callable[[Any], Any] | None = None,
        on_error: OnError | None = None,
    ) -> Coroutine[Any, Any, T]: ...

    def run_task(
        self,
        key: CacheKey | None = None,
        fn: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        as_type: Any = None,
        retry: Retry | Mapping[str, Any] | None = None,
        timeout: float | timedelta | None = None,
        icon: str | None = None,
        description: str | None = None,
        properties: Sequence[Mapping[str, str]] | None = None,
        params: Any = None,
        style: Mapping[str, str] | None = None,
        redact: Sequence[str] | None = None,
        display_key: str | None = None,
        delay_until: datetime | None = None,
        noop: bool = False,
        callback: float | timedelta | None = None,
        parse_output: Callable[[Any], Any] | None = None,
        on_error: OnError | None = None,
    ) -> Coroutine[Any, Any, Any]:
        """Run a function once in this run and store what it returns.

        The body runs at least once, its result is recorded exactly once: a crash between the two runs the body
        again. Hand ``task.idempotency_key`` to third parties to make that harmless.

        Args:
            key: The cache key: text, or a list of JSON values; ``None`` for an automatic one.
            fn: What to run: async, or plain (then in a thread); it takes nothing, ``(task)`` or ``(task, io)``, where
                ``io`` is `IO` for an async one and `SyncIO` for a plain one.
            name: The name that is shown; default: the function's qualified name.
            as_type: The type of the result; default: the function's return annotation, without one plain JSON.
            retry: When to try again after an exception; without it, never.
            timeout: Bounds each attempt, in seconds; time the attempt is parked does not count.
            icon: An icon's name, for display.
            description: A line shown with the task.
            properties: Shown with the task: a list of ``{"label", "text", "url"}``.
            params: Shown as the task's input; also what tells two uses of a key apart.
            style: ``{"style": "normal" | "minimal", "variant": …}``, for display.
            redact: Dotted paths into the result that are shown as ``[REDACTED]``; the job gets them as they are.
            display_key: Shown instead of the key.
            delay_until: Begin no earlier than this instant.
            noop: Run no body, give ``None``; with ``delay_until`` this is a wait.
            callback: The result is not what the function returns but the JSON of the first POST request to
                ``task.callback_url``, for which the task waits so many seconds at most.
            parse_output: Maps the stored JSON each time before it is decoded.
            on_error: ``(error, task, io)`` → ``None``, another exception, ``RetryAt(at)`` or ``SkipRetrying()``.

        Returns:
            What the function returned, after a JSON round trip.

        Raises:
            InvalidArgumentError: An argument is outside what the call accepts.
            UnsupportedTypeError: The return annotation cannot be resolved; pass ``as_type``.
            UnserializableOutputError: The result cannot be stored.
            ValueTooLargeError: The result is over 3 MiB of JSON.
            TaskTimeoutError: The last attempt took longer than ``timeout``.
            WaitTimeoutError: No request came to the callback URL in time.
            TaskFailedError: The function failed with an exception that cannot be rebuilt.
            DuplicateCacheKeyError, CacheKeyMismatchError, AmbiguousCacheKeyError: The key is taken.

        See also: v2 protocol, sections 6.5, 6.6 and 6.9.
        """
        if (
            name or as_type is not None or retry or timeout is not None or icon or description or properties
            or params is not None or style or redact or display_key or delay_until or noop or parse_output or on_error
            or callback is not None
        ):  # fmt: skip
            check_functions(parse_output=parse_output, on_error=on_error)
            check_texts(name=name, icon=icon, description=description, display_key=display_key)
            options = TaskOptions(
                name=name,
                as_type=as_type,
                retry=as_retry(retry),
                timeout=None if timeout is None else seconds_of(timeout, what="timeout"),
                params=params_text(params),
                display_key=display_key,
                delay_until=None if delay_until is None else instant(delay_until, what="delay_until"),
                noop=noop,
                parse_output=parse_output,
                on_error=on_error,
                wait=None if callback is None else callback_wait(callback, fn, noop=noop, delay_until=delay_until),
                details=details_text(
                    icon=icon,
                    description=description,
                    properties=sequence_details(properties),
                    style=style_details(style),
                    redact=redact_details(redact),
                ),
            )
        else:
            options = PLAIN
        return self._start("run_task", key, fn, options)

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
