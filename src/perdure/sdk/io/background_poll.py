"""`io.background_poll`: the same request again and again, until an answer matches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from perdure.errors import InvalidFilterError
from perdure.protocol.operation_bounds import (
    DEFAULT_INTERVAL,
    DEFAULT_POLL_REQUEST,
    DEFAULT_POLL_TIMEOUT,
    LONGEST_INTERVAL,
    LONGEST_POLL,
    LONGEST_POLL_REQUEST,
    POLL,
    SHORTEST_INTERVAL,
    SHORTEST_TIMEOUT,
)
from perdure.protocol.task_waits import Operation
from perdure.protocol.value_paths import type_name
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.io.part import Part
from perdure.sdk.retry import as_retry

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.protocol.redacted import RedactedString
    from perdure.sdk.retry import Retry

T = TypeVar("T")


class PollCalls(Part):
    """Asking until the answer is there."""

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
    ) -> Coroutine[Any, Any, Any]: ...

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
    ) -> Coroutine[Any, Any, T]: ...

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
    ) -> Coroutine[Any, Any, Any]:
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
        options = _poll_options(
            url=url, interval=interval, timeout=timeout, response_filter=response_filter, method=method,
            headers=headers, body=body, json=json, request_timeout=request_timeout,
            request_timeout_retry=request_timeout_retry, as_type=as_type,
        )  # fmt: skip
        return self._start(POLL, key, None, options)


def _poll_options(
    *,
    url: str | RedactedString | None,
    interval: float | timedelta,
    timeout: float | timedelta,
    response_filter: Mapping[str, Any] | None,
    method: str,
    headers: Mapping[str, str | RedactedString] | None,
    body: str | bytes | RedactedString | None,
    json: Any,
    request_timeout: float | timedelta,
    request_timeout_retry: Retry | Mapping[str, Any] | None,
    as_type: Any,
) -> TaskOptions:
    # Loaded where it is first needed: many apps poll nothing.
    from perdure.sdk.io.web_request import read_request, read_timeout, timeout_params, without_headers

    pause = read_timeout(interval, what="interval", shortest=SHORTEST_INTERVAL, longest=LONGEST_INTERVAL)
    longest = read_timeout(timeout, what="timeout", shortest=SHORTEST_TIMEOUT, longest=LONGEST_POLL)
    seconds = read_timeout(
        request_timeout, what="request_timeout", shortest=SHORTEST_TIMEOUT, longest=LONGEST_POLL_REQUEST
    )
    request, place = read_request(url=url, method=method, headers=headers, body=body, json=json, timeout=seconds)
    params: dict[str, Any] = {"url": request.url, "interval": pause, "timeout": longest}
    if response_filter is not None:
        params["responseFilter"] = _checked_filter(response_filter)
    params["requestInit"] = request.init
    params["requestTimeout"] = timeout_params(seconds, as_retry(request_timeout_retry))
    return TaskOptions(
        operation=POLL,
        name=f"poll {place}",
        params=params_text(params),
        compared=params_text(without_headers(params)),
        as_type=as_type,
        wait=Operation(request.secrets),
        details=details_text(
            icon="clock-bolt",
            properties=[
                {"label": "url", "text": request.url, "url": request.url},
                {"label": "interval", "text": f"{pause:g}s"},
                {"label": "timeout", "text": f"{longest:g}s"},
            ],
        ),
    )


def _checked_filter(filter: object) -> dict[str, Any]:
    if not isinstance(filter, Mapping):
        raise InvalidFilterError(f"response_filter: expected an object, not {type_name(filter)}.")
    from perdure.protocol.response_filter import compile_response_filter

    checked = dict(cast("Mapping[str, Any]", filter))
    compile_response_filter(checked, path="response_filter")
    return checked
