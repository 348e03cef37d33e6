"""The calls of `perdure.sdk.io.background_fetch`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.protocol.operation_bounds import DEFAULT_FETCH_TIMEOUT
from perdure.sdk.blocking import SyncPart

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.protocol.redacted import RedactedString
    from perdure.sdk.records import FetchResponse
    from perdure.sdk.retry import Retry

T = TypeVar("T")


class SyncFetchCalls(SyncPart):
    """`FetchCalls` for plain functions: the same calls, blocking.

    Requests that no execution waits for.
    """

    @overload
    def background_fetch(
        self,
        key: CacheKey | None = None,
        url: str | RedactedString | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str | RedactedString] | None = None,
        body: str | bytes | RedactedString | None = None,
        json: Any = None,
        retry: Mapping[str | int, Mapping[str, Any]] | None = None,
        timeout: float | timedelta = DEFAULT_FETCH_TIMEOUT,
        timeout_retry: Retry | Mapping[str, Any] | None = None,
        as_type: None = None,
    ) -> Any: ...

    @overload
    def background_fetch(
        self,
        key: CacheKey | None = None,
        url: str | RedactedString | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str | RedactedString] | None = None,
        body: str | bytes | RedactedString | None = None,
        json: Any = None,
        retry: Mapping[str | int, Mapping[str, Any]] | None = None,
        timeout: float | timedelta = DEFAULT_FETCH_TIMEOUT,
        timeout_retry: Retry | Mapping[str, Any] | None = None,
        as_type: type[T],
    ) -> T: ...

    def background_fetch(
        self,
        key: CacheKey | None = None,
        url: str | RedactedString | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str | RedactedString] | None = None,
        body: str | bytes | RedactedString | None = None,
        json: Any = None,
        retry: Mapping[str | int, Mapping[str, Any]] | None = None,
        timeout: float | timedelta = DEFAULT_FETCH_TIMEOUT,
        timeout_retry: Retry | Mapping[str, Any] | None = None,
        as_type: Any = None,
    ) -> Any:
        """Let the platform make a request; meanwhile nothing need be held in memory, and a restart does no harm.

        The request is made at least once: a node that dies between the other side's work and the storing of its
        answer makes it again. It carries an ``Idempotency-Key`` header, the same each time, unless one is given.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            url: An absolute http or https URL.
            method: Such as ``POST``.
            headers: Names and values. Secret ones are kept encrypted and shown as ``***``.
            body: What is sent, text or bytes.
            json: A value that is sent as JSON, in place of ``body``.
            retry: When to try again after an answer that is a failure: status patterns to strategies, of which the
                first that is for the answer counts.
            timeout: How long an answer may take in all, from 1 to 300 seconds.
            timeout_retry: When to try again after that; without it, never.
            as_type: The type of the result; default: plain JSON.

        Returns:
            The JSON body of the answer, whose status is 200 to 299; ``None`` if the body is not JSON.

        Raises:
            FetchFailedError: The last answer was a failure, or there was none.
            FetchTimeoutError: The last attempt took longer than ``timeout``.
            BlockedAddressError: The URL, or a redirect, leads to an address that requests may not be sent to.
            PayloadValidationError: The body does not fit ``as_type``.
            InvalidUrlError: The URL cannot be requested.
            InvalidHeaderError: A header is malformed, or one that perdure sets.
            InvalidArgumentError: Another argument is outside what the call accepts.
            ValueTooLargeError: The body to be sent has more than 3 MiB.

        See also: v2 protocol, sections 7.1 and 7.2.
        """
        call: Any = self._io.background_fetch
        result: Any = self._run(
            call(
                key,
                url,
                method=method,
                headers=headers,
                body=body,
                json=json,
                retry=retry,
                timeout=timeout,
                timeout_retry=timeout_retry,
                as_type=as_type,
            )
        )
        return result

    @overload
    def background_fetch_response(
        self,
        key: CacheKey | None = None,
        url: str | RedactedString | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str | RedactedString] | None = None,
        body: str | bytes | RedactedString | None = None,
        json: Any = None,
        retry: Mapping[str | int, Mapping[str, Any]] | None = None,
        timeout: float | timedelta = DEFAULT_FETCH_TIMEOUT,
        timeout_retry: Retry | Mapping[str, Any] | None = None,
        as_type: None = None,
    ) -> FetchResponse[Any]: ...

    @overload
    def background_fetch_response(
        self,
        key: CacheKey | None = None,
        url: str | RedactedString | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str | RedactedString] | None = None,
        body: str | bytes | RedactedString | None = None,
        json: Any = None,
        retry: Mapping[str | int, Mapping[str, Any]] | None = None,
        timeout: float | timedelta = DEFAULT_FETCH_TIMEOUT,
        timeout_retry: Retry | Mapping[str, Any] | None = None,
        as_type: type[T],
    ) -> FetchResponse[T]: ...

    def background_fetch_response(
        self,
        key: CacheKey | None = None,
        url: str | RedactedString | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str | RedactedString] | None = None,
        body: str | bytes | RedactedString | None = None,
        json: Any = None,
        retry: Mapping[str | int, Mapping[str, Any]] | None = None,
        timeout: float | timedelta = DEFAULT_FETCH_TIMEOUT,
        timeout_retry: Retry | Mapping[str, Any] | None = None,
        as_type: Any = None,
    ) -> FetchResponse[Any]:
        """Let the platform make a request, and get status and headers of the answer with its body.

        Everything but the result is as for `background_fetch`.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            url: An absolute http or https URL.
            method: Such as ``POST``.
            headers: Names and values. Secret ones are kept encrypted and shown as ``***``.
            body: What is sent, text or bytes.
            json: A value that is sent as JSON, in place of ``body``.
            retry: When to try again after an answer that is a failure: status patterns to strategies, of which the
                first that is for the answer counts.
            timeout: How long an answer may take in all, from 1 to 300 seconds.
            timeout_retry: When to try again after that; without it, never.
            as_type: The type of the result's ``data``; default: plain JSON.

        Returns:
            The answer. Headers that are secret by their name, such as ``set-cookie``, are ``***``.

        Raises:
            FetchFailedError: The last answer was a failure, or there was none.
            FetchTimeoutError: The last attempt took longer than ``timeout``.
            BlockedAddressError: The URL, or a redirect, leads to an address that requests may not be sent to.
            PayloadValidationError: The body does not fit ``as_type``.
            InvalidUrlError: The URL cannot be requested.
            InvalidHeaderError: A header is malformed, or one that perdure sets.
            InvalidArgumentError: Another argument is outside what the call accepts.
            ValueTooLargeError: The body to be sent has more than 3 MiB.

        See also: v2 protocol, sections 7.1 and 7.2.
        """
        call: Any = self._io.background_fetch_response
        result: FetchResponse[Any] = self._run(
            call(
                key,
                url,
                method=method,
                headers=headers,
                body=body,
                json=json,
                retry=retry,
                timeout=timeout,
                timeout_retry=timeout_retry,
                as_type=as_type,
            )
        )
        return result
