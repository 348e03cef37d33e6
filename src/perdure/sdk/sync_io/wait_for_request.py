"""The calls of `perdure.sdk.io.wait_for_request`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.sdk.blocking import SyncPart
from perdure.sdk.io.wait_for_request import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.retry import Retry

T = TypeVar("T")


class SyncRequestCalls(SyncPart):
    """`RequestCalls` for plain functions: the same calls, blocking.

    Waiting for a request.
    """

    @overload
    def wait_for_request(
        self,
        key: CacheKey | None = None,
        callback: Callable[[str], Any] | None = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
        retry: Retry | Mapping[str, Any] | None = None,
        as_type: None = None,
    ) -> Any: ...

    @overload
    def wait_for_request(
        self,
        key: CacheKey | None = None,
        callback: Callable[[str], Any] | None = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
        retry: Retry | Mapping[str, Any] | None = None,
        as_type: type[T],
    ) -> T: ...

    def wait_for_request(
        self,
        key: CacheKey | None = None,
        callback: Callable[[str], Any] | None = None,
        *,
        timeout: float | timedelta | None = DEFAULT_TIMEOUT,
        retry: Retry | Mapping[str, Any] | None = None,
        as_type: Any = None,
    ) -> Any:
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
        call: Any = self._io.wait_for_request
        result: Any = self._run(call(key, callback, timeout=timeout, retry=retry, as_type=as_type))
        return result
