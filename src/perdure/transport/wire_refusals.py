"""What a platform of the v2 protocol refuses, as the exception that the same call raises in a node's own process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

import msgspec

from perdure.errors import (
    ExecutionError,
    InvalidArgumentError,
    JsonError,
    NotConnectedError,
    NotFoundError,
    PerdureError,
    RunError,
    StaleExecutionError,
    ValueTooLargeError,
    WriteRefusedError,
)
from perdure.protocol.limits import LATEST_MS
from perdure.transport.bystanders import TOO_LARGE, too_large
from perdure.transport.node_errors import error_of, read_refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.transport.wire_execution import WireExecution
    from perdure.transport.wire_request import WireReply, WireRequest

_MOST_DIGITS: Final = 20
_UNSPECIFIC: Final = (RunError, InvalidArgumentError, JsonError, NotFoundError)
"""What a server says of a request, and not of what the job does."""


class RateLimitedError(NotConnectedError):
    """The platform was asked too often.

    Attributes:
        reset: When to go on, in Unix time in milliseconds.
    """

    def __init__(self, reset: int) -> None:
        super().__init__("The server was asked too often.")
        self.reset = min(reset, LATEST_MS)


class KeyRefusedError(NotConnectedError):
    """The platform does not take the key that it is asked with."""


class UnreadableError(PerdureError):
    """The platform answers with something that the protocol has not."""


def check_rate(status: int, reset: str) -> None:
    """Refuse to go on where the platform was asked too often, and says until when.

    Raises:
        RateLimitedError: It was.
    """
    if status == 429 and reset.isdecimal():
        # Of numbers that have no end Python makes none.
        raise RateLimitedError(int(reset[:_MOST_DIGITS]))


def refuse(reply: WireReply, url: str, request: WireRequest) -> WireReply:
    """Raise the error that a refusal is; that there is no such thing is an answer to HEAD."""
    if request.method == "HEAD" and reply.status == 404:
        return reply
    refused = read_refusal(reply.body)
    said = _sentence(reply.body) or f"The server at {url} answered with status {reply.status}."
    if reply.status in (401, 403):
        raise KeyRefusedError(f"The server at {url} does not take the API key of this app. {said}")
    if refused is not None:
        raise error_of(reply.status, refused, url=url)
    kinds: Mapping[int, type[PerdureError]] = {
        400: InvalidArgumentError,
        404: NotFoundError,
        413: ValueTooLargeError,
        422: InvalidArgumentError,
    }
    if reply.status == TOO_LARGE and _sentence(reply.body) is None:
        # A server says what is too large.
        raise ValueTooLargeError(too_large(url))
    raise kinds.get(reply.status, PerdureError)(said)


def _sentence(body: bytes) -> str | None:
    try:
        members: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(members, dict):
        return None
    given = cast("dict[str, object]", members)
    said = given.get("error") or given.get("message")
    return said if isinstance(said, str) else None


def lost(execution: WireExecution, error: NotConnectedError) -> StaleExecutionError:
    """End an execution whose platform cannot be asked, and say what its code is told."""
    if isinstance(error, RateLimitedError):
        ended = execution.yield_until(error.reset)
    else:
        if isinstance(error, KeyRefusedError):
            execution.problem = error.message
        ended = StaleExecutionError(error.message)
    ended.__cause__ = error
    return ended


def raise_refused(error: PerdureError, name: str) -> NoReturn:
    """Raise what job code is told when the platform does not store a task.

    To execute the run again would not help: it would ask for the same.

    Args:
        error: What the platform said.
        name: The task's name.

    Raises:
        ExecutionError: The execution has lost its run.
        RunError: What is wrong, as in a node's own process; if that is not said, a `WriteRefusedError`.
    """
    if isinstance(error, ExecutionError):
        raise error
    if isinstance(error, RunError) and type(error) not in _UNSPECIFIC:
        raise error
    raise WriteRefusedError(f"The server does not store task {name!r}. {error.message}") from error
