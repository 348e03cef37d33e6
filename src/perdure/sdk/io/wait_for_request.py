"""`io.wait_for_request`: wait until someone outside answers at a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.errors import InvalidArgumentError
from perdure.protocol.task_waits import CallbackWait
from perdure.sdk.durations import seconds_of
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.io.part import Part
from perdure.sdk.retry import as_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.retry import Retry

T = TypeVar("T")

DEFAULT_TIMEOUT = 3600
"""How long a task waits for what comes from outside unless told otherwise, in seconds."""


class RequestCalls(Part):
    """Waiting for a request."""

    @overload
    def wait_for_request(
        self,
        key: CacheKey | None = None,
        callback: Callable[[str], Any] | None = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
        retry: Retry | Mapping[str, Any] | None = None,
        as_type: None = None,
    ) -> Coroutine[Any, Any, Any]: ...

    @overload
    def wait_for_request(
        self,
        key: CacheKey | None = None,
        callback: Callable[[str], Any] | None = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
        retry: Retry | Mapping[str, Any] | None = None,
        as_type: type[T],
    ) -> Coroutine[Any, Any, T]: ...

    def wait_for_request(
        self,
        key: CacheKey | None = None,
        callback: Callable[[str], Any] | None = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
        retry: Retry | Mapping[str, Any] | None = None,
        as_type: Any = None,
    ) -> Coroutine[Any, Any, Any]:
        """Hand a URL to someone outside and wait until a POST request comes to it.

        Only the first request counts; later ones are answered alike and change nothing. A body that is not JSON is
        refused with 400, and the wait goes on.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            callback: Given the URL, passes it on; async or plain (then in a thread). It is not called again once it
                has returned; a crash before that calls it again.
            timeout: How long to wait at most, in seconds or as a ``timedelta``, counted from when the wait is
                stored; ``None``: for ever.
            retry: When to call ``callback`` again after an exception; without it, never.
            as_type: The type of the result; default: plain JSON.

        Returns:
            The JSON body of the request; ``None`` if it was empty.

        Raises:
            WaitTimeoutError: No request came in time.
            PayloadValidationError: The body does not fit ``as_type``.
            InvalidArgumentError: An argument is outside what the call accepts.
            TaskFailedError: ``callback`` failed with an exception that cannot be rebuilt; any other is raised as it is.

        See also: v2 protocol, sections 8.1 and 8.2.
        """
        if callback is None or not callable(callback):
            raise InvalidArgumentError(
                f"io.wait_for_request({key!r}, …) needs a function for its URL; it was given {callback!r:.60}."
            )
        limit = None if timeout is None else seconds_of(timeout, what="timeout")
        options = TaskOptions(
            operation="wait_for_request",
            name="Wait for Request",
            params=params_text({"timeout": limit}),
            as_type=as_type,
            retry=as_retry(retry),
            wait=CallbackWait(limit),
            takes_url=True,
            details=details_text(icon="clock", properties=timeout_property(limit)),
        )
        return self._start("wait_for_request", key, callback, options)


def timeout_property(seconds: float | None) -> list[dict[str, str]] | None:
    """Show how long a task waits."""
    return None if seconds is None else [{"label": "Timeout", "text": f"{seconds:g}s"}]
