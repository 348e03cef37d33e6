"""Work that the engine does itself: what is in the params of such tasks (v2 protocol, sections 7.1 and 7.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.errors import InvalidArgumentError
from perdure.protocol.json_text import load
from perdure.protocol.operation_bounds import (
    DEFAULT_FETCH_TIMEOUT,
    DEFAULT_INTERVAL,
    DEFAULT_POLL_REQUEST,
    DEFAULT_POLL_TIMEOUT,
    FETCH,
    FETCH_RESPONSE,
    LONGEST_FETCH,
    LONGEST_INTERVAL,
    LONGEST_POLL,
    LONGEST_POLL_REQUEST,
    POLL,
    SHORTEST_INTERVAL,
    SHORTEST_TIMEOUT,
)
from perdure.protocol.outbound import OutboundRequest
from perdure.protocol.response_filter import CompiledResponseFilter, compile_response_filter
from perdure.protocol.retries import RetryOptions
from perdure.protocol.retry_strategies import Strategy, read_strategies
from perdure.protocol.value_paths import type_name
from perdure.protocol.web_requests import join_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.protocol.json_text import JsonText


class Fetch(Struct, frozen=True):
    """One request, until its answer is a success or it is not tried again.

    Attributes:
        request: What is sent.
        strategies: When it is tried again after an answer that is a failure; the first that is for it counts.
        timeout_retry: When it is tried again after a timeout; ``None``: never.
        whole: Whether the output is status, headers and body, not the body alone.
    """

    request: OutboundRequest
    strategies: tuple[Strategy, ...]
    timeout_retry: RetryOptions | None
    whole: bool


class Poll(Struct, frozen=True):
    """The same request again and again, until an answer matches or the time is up.

    Attributes:
        request: What is sent.
        url: The URL as it is shown.
        interval: Seconds from one answer to the next request.
        timeout: Seconds from when the task was stored until it gives up.
        filter: What an answer must satisfy; ``None``: any answer with a status from 200 to 299 does.
        timeout_retry: When a request that timed out is sent again; ``None``: never.
    """

    request: OutboundRequest
    url: str
    interval: float
    timeout: float
    filter: CompiledResponseFilter | None
    timeout_retry: RetryOptions | None


def read_operation(operation: str, params: JsonText | None, secrets: JsonText | None) -> Fetch | Poll:
    """Read what a task is to do.

    Args:
        operation: The task's operation.
        params: Its params, everything secret masked.
        secrets: What stands behind the masks.

    Raises:
        InvalidArgumentError: The params do not say it, or the operation is none of the engine's.
    """
    members: Any = None if params is None else load(params)
    if not isinstance(members, dict):
        raise InvalidArgumentError(f"The params of {operation} are an object, not {type_name(members)}.")
    given = cast("dict[str, Any]", members)
    if operation in (FETCH, FETCH_RESPONSE):
        return _read_fetch(given, secrets, whole=operation == FETCH_RESPONSE)
    if operation == POLL:
        return _read_poll(given, secrets)
    raise InvalidArgumentError(f"Unknown operation: {operation}")


def request_timeout(operation: str, params: Mapping[str, Any]) -> float:
    """Give how many seconds one request of a task may take, as its params say.

    Raises:
        InvalidArgumentError: They are wrong there.
    """
    if operation == POLL:
        return _read_timeout(params.get("requestTimeout"), DEFAULT_POLL_REQUEST, longest=LONGEST_POLL_REQUEST)[0]
    return _read_timeout(params.get("timeout"), DEFAULT_FETCH_TIMEOUT, longest=LONGEST_FETCH)[0]


def poll_timeout(params: Mapping[str, Any]) -> float:
    """Give how many seconds a poll goes on, as its params say.

    Raises:
        InvalidArgumentError: They are wrong there.
    """
    return _seconds(params.get("timeout", DEFAULT_POLL_TIMEOUT), "timeout", SHORTEST_TIMEOUT, LONGEST_POLL)


def _read_fetch(params: dict[str, Any], secrets: JsonText | None, *, whole: bool) -> Fetch:
    seconds, retry = _read_timeout(params.get("timeout"), DEFAULT_FETCH_TIMEOUT, longest=LONGEST_FETCH)
    return Fetch(
        join_request(params, secrets, timeout=seconds),
        read_strategies(params.get("retry")),
        retry,
        whole,
    )


def _read_poll(params: dict[str, Any], secrets: JsonText | None) -> Poll:
    seconds, retry = _read_timeout(params.get("requestTimeout"), DEFAULT_POLL_REQUEST, longest=LONGEST_POLL_REQUEST)
    filter = params.get("responseFilter")
    return Poll(
        join_request(params, secrets, timeout=seconds),
        params["url"],
        _seconds(params.get("interval", DEFAULT_INTERVAL), "interval", SHORTEST_INTERVAL, LONGEST_INTERVAL),
        poll_timeout(params),
        None if filter is None else compile_response_filter(filter, lenient=True, path="response_filter"),
        retry,
    )


def _read_timeout(timeout: object, default: float, *, longest: float) -> tuple[float, RetryOptions | None]:
    """Read v2's ``{durationInMs, retry?}``; what lies outside the bounds is moved to them."""
    if timeout is None:
        return default, None
    if not isinstance(timeout, dict):
        raise InvalidArgumentError(f"A timeout is an object with durationInMs, not {type_name(timeout)}.")
    members = cast("dict[str, Any]", timeout)
    retry = members.get("retry")
    if retry is not None and not isinstance(retry, dict):
        raise InvalidArgumentError(
            f"The retry of a timeout is an object such as {{'limit': 3}}, not {type_name(retry)}."
        )
    seconds = _number(members.get("durationInMs", default * 1000), "durationInMs") / 1000
    options = None if retry is None else RetryOptions.from_wire(cast("dict[str, Any]", retry))
    return min(max(seconds, SHORTEST_TIMEOUT), longest), options


def _seconds(value: object, name: str, least: float, most: float) -> float:
    number = _number(value, name)
    if not least <= number <= most:
        raise InvalidArgumentError(f"{name} is {least:g} to {most:,.0f} seconds, not {number:g}.")
    return number


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidArgumentError(f"{name} is a number, not {type_name(value)}.")
    return float(value)
