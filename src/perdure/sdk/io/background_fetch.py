"""`io.background_fetch` and `io.background_fetch_response`: requests that the platform makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.protocol.json_text import JsonText, dump
from perdure.protocol.operation_bounds import (
    DEFAULT_FETCH_TIMEOUT,
    FETCH,
    FETCH_RESPONSE,
    LONGEST_FETCH,
    SHORTEST_TIMEOUT,
)
from perdure.protocol.task_waits import Operation
from perdure.sdk.codec import Codec, codec_for
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.io.part import Part
from perdure.sdk.records import FetchResponse
from perdure.sdk.retry import as_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.protocol.redacted import RedactedString
    from perdure.sdk.retry import Retry

T = TypeVar("T")


class FetchCalls(Part):
    """Requests that no execution waits for."""

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
    ) -> Coroutine[Any, Any, Any]: ...

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
    ) -> Coroutine[Any, Any, T]: ...

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
    ) -> Coroutine[Any, Any, Any]:
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
        options = _fetch_options(
            FETCH, "fetch", url=url, method=method, headers=headers, body=body, json=json, retry=retry, timeout=timeout,
            timeout_retry=timeout_retry, as_type=as_type,
        )  # fmt: skip
        return self._start(FETCH, key, None, options)

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
    ) -> Coroutine[Any, Any, FetchResponse[Any]]: ...

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
    ) -> Coroutine[Any, Any, FetchResponse[T]]: ...

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
    ) -> Coroutine[Any, Any, FetchResponse[Any]]:
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
        options = _fetch_options(
            FETCH_RESPONSE, "fetch response", url=url, method=method, headers=headers, body=body, json=json,
            retry=retry, timeout=timeout, timeout_retry=timeout_retry,
            wrap=_Respond(codec_for(Any if as_type is None else as_type)),
        )  # fmt: skip
        return self._start(FETCH_RESPONSE, key, None, options)


def _fetch_options(
    operation: str,
    verb: str,
    *,
    url: str | RedactedString | None,
    method: str,
    headers: Mapping[str, str | RedactedString] | None,
    body: str | bytes | RedactedString | None,
    json: Any,
    retry: Mapping[str | int, Mapping[str, Any]] | None,
    timeout: float | timedelta,
    timeout_retry: Retry | Mapping[str, Any] | None,
    as_type: Any = None,
    wrap: Callable[[Any], Any] | None = None,
) -> TaskOptions:
    # Loaded where it is first needed: many apps fetch nothing.
    from perdure.protocol.retry_strategies import strategies_to_wire
    from perdure.sdk.io.web_request import read_request, read_timeout, timeout_params, without_headers

    seconds = read_timeout(timeout, what="timeout", shortest=SHORTEST_TIMEOUT, longest=LONGEST_FETCH)
    request, place = read_request(url=url, method=method, headers=headers, body=body, json=json, timeout=seconds)
    params: dict[str, Any] = {"url": request.url, "requestInit": request.init}
    if retry is not None:
        params["retry"] = strategies_to_wire(retry)
    params["timeout"] = timeout_params(seconds, as_retry(timeout_retry))
    return TaskOptions(
        operation=operation,
        name=f"{verb} {place}",
        params=params_text(params),
        compared=params_text(without_headers(params)),
        as_type=as_type,
        wait=Operation(request.secrets),
        wrap=wrap,
        details=details_text(
            icon="background",
            properties=[
                {"label": "url", "text": request.url, "url": request.url},
                {"label": "method", "text": request.sent.method},
                {"label": "background", "text": "true"},
                {"label": "timeout", "text": f"{seconds:g}s"},
            ],
        ),
    )


class _Respond:
    """Makes the answer of a task's output."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def __call__(self, output: dict[str, Any]) -> FetchResponse[Any]:
        return FetchResponse(
            status=output["status"],
            headers=output["headers"],
            data=self._codec.decode(JsonText(dump(output["data"], root="data"))),
        )

    def unwrap(self, result: Any) -> dict[str, Any]:
        """Give the stored form of an answer; anything else is the data of one that went well."""
        given: object = result
        if isinstance(given, FetchResponse):
            return {"status": result.status, "headers": dict(result.headers), "data": result.data}
        return {"status": 200, "headers": {}, "data": result}
