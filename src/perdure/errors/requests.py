"""Requests that a job has sent."""

from __future__ import annotations

from typing import Any

from perdure.errors.base import RunError


class BlockedAddressError(RunError):
    """The URL leads to an address that requests may not be sent to; PERDURE_EGRESS_ALLOW opens more."""

    code = "blocked_address"


class FetchFailedError(RunError):
    """A request got no answer, or one that is a failure.

    Attributes:
        status: The status of the answer, or ``None`` if there was none that could be used.
        body: The answer's body, decoded as far as it could be, or ``None``.
    """

    code = "fetch_failed"
    retryable = True

    def __init__(self, message: str | None = None, *, status: int | None = None, body: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class ResponseTooLargeError(FetchFailedError):
    """The answer to a request is larger than what is read of one."""

    code = "response_too_large"
    retryable = False


class FetchTimeoutError(RunError, TimeoutError):
    """A request was not answered in full within its timeout."""

    code = "fetch_timeout"
    retryable = True


class PollTimeoutError(RunError, TimeoutError):
    """No answer to a poll matched in the time that it had."""

    code = "poll_timeout"
