"""`io.run_task` as jobs call it: its forms, and what its arguments mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from perdure.sdk.durations import instant, time_limit_of
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
from perdure.sdk.io.part import Part
from perdure.sdk.retry import as_retry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
    from datetime import datetime, timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.io.options import OnError
    from perdure.sdk.retry import Retry

T = TypeVar("T")


class TaskCalls(Part):
    """Running tasks."""

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
                timeout=None if timeout is None else time_limit_of(timeout, what="timeout"),
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
