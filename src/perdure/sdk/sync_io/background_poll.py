"""The calls of `perdure.sdk.io.background_poll`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.protocol.operation_bounds import DEFAULT_INTERVAL, DEFAULT_POLL_REQUEST, DEFAULT_POLL_TIMEOUT
from perdure.sdk.blocking import SyncPart

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.protocol.redacted import RedactedString
    from perdure.sdk.retry import Retry

T = TypeVar("T")


class SyncPollCalls(SyncPart):
    """`PollCalls` for plain functions: the same calls, blocking.

    Asking until the answer is there.
    """

    @overload
    def background_poll(
        self,
        key: CacheKey | None = None,
        url: str | RedactedString | None = None,
        *,
        interval: float | timedelta = DEFAULT_INTERVAL,
        timeout: float | timedelta = DEFAULT_POLL_TIMEOUT,
        response_filter: Mapping[str, Any] | None = None,
        method: str = "GET",
        headers: Mapping[str, str | RedactedString] | None = None,
        body: str | bytes | RedactedString | None = None,
        json: Any = None,
        request_timeout: float | timedelta = DEFAULT_POLL_REQUEST,
        request_timeout_retry: Retry | Mapping[str, Any] | None = None,
        as_type: None = None,
    ) -> Any: ...

    @overload
    def background_poll(
        self,
        key: CacheKey | None = None,
        url: str | RedactedString | None = None,
        *,
        interval: float | timedelta = DEFAULT_INTERVAL,
        timeout: float | timedelta = DEFAULT_POLL_TIMEOUT,
        response_filter: Mapping[str, Any] | None = None,
        method: str = "GET",
        headers: Mapping[str, str | RedactedString] | None = None,
        body: str | bytes | RedactedString | None = None,
        json: Any = None,
        request_timeout: float | timedelta = DEFAULT_POLL_REQUEST,
        request_timeout_retry: Retry | Mapping[str, Any] | None = None,
        as_type: type[T],
    ) -> T: ...

    def background_poll(
        self,
        key: CacheKey | None = None,
        url: str | RedactedString | None = None,
        *,
        interval: float | timedelta = DEFAULT_INTERVAL,
        timeout: float | timedelta = DEFAULT_POLL_TIMEOUT,
        response_filter: Mapping[str, Any] | None = None,
        method: str = "GET",
        headers: Mapping[str, str | RedactedString] | None = None,
        body: str | bytes | RedactedString | None = None,
        json: Any = None,
        request_timeout: float | timedelta = DEFAULT_POLL_REQUEST,
        request_timeout_retry: Retry | Mapping[str, Any] | None = None,
        as_type: Any = None,
    ) -> Any:
        """Let the platform ask a URL again and again, until an answer matches.

        Each attempt is visible as a task inside this one; of more than 400 attempts, the last 400. A request without
        an answer is an attempt like any other, and the poll goes on.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            url: An absolute http or https URL.
            interval: How long to wait after an answer that does not match, from 1 to 3600 seconds.
            timeout: When to give up, from 1 second to 30 days after the task is stored.
            response_filter: What an answer must satisfy: any of ``status`` (a list), ``headers`` and ``body`` (event
                filters). Without it, any answer with a status from 200 to 299 does.
            method: Such as ``POST``.
            headers: Names and values. Secret ones are kept encrypted and shown as ``***``.
            body: What is sent, text or bytes.
            json: A value that is sent as JSON, in place of ``body``.
            request_timeout: How long each answer may take, from 1 to 5 seconds.
            request_timeout_retry: When to ask again after that; without it, the poll fails.
            as_type: The type of the result; default: plain JSON.

        Returns:
            The JSON body of the answer that matched; ``None`` if the body is not JSON.

        Raises:
            PollTimeoutError: No answer matched in time.
            FetchTimeoutError: A request took longer than ``request_timeout``, and was not to be made again.
            FetchFailedError: An answer was too large, or matched and cannot be kept.
            BlockedAddressError: The URL, or a redirect, leads to an address that requests may not be sent to.
            PayloadValidationError: The body does not fit ``as_type``.
            InvalidFilterError: ``response_filter`` has an unknown part or operator.
            InvalidUrlError: The URL cannot be requested.
            InvalidHeaderError: A header is malformed, or one that perdure sets.
            InvalidArgumentError: Another argument is outside what the call accepts.
            ValueTooLargeError: The body to be sent has more than 3 MiB.

        See also: v2 protocol, sections 7.3 and 12.3.
        """
        call: Any = self._io.background_poll
        result: Any = self._run(
            call(
                key,
                url,
                interval=interval,
                timeout=timeout,
                response_filter=response_filter,
                method=method,
                headers=headers,
                body=body,
                json=json,
                request_timeout=request_timeout,
                request_timeout_retry=request_timeout_retry,
                as_type=as_type,
            )
        )
        return result
