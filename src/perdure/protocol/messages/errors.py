"""Errors as they travel: those of runs and tasks, and those of requests."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field


class ErrorWithStack(Struct, frozen=True, kw_only=True, rename="camel"):
    """An error of user code (v2 protocol, section 5).

    Attributes:
        data: Native. JSON text from which the exception may be made again.
    """

    message: str
    name: str | UnsetType = UNSET
    stack: str | UnsetType = UNSET

    # Native.
    data: str | UnsetType = UNSET


class FieldIssue(Struct, frozen=True, kw_only=True, rename="camel"):
    """One place where a request does not fit."""

    path: list[str | int]
    message: str


class ErrorAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of every refused REST call.

    A v2 client reads ``error`` alone and cannot do without it (section 4.0); a v2 server sends nothing else.

    Attributes:
        error: A sentence.
        code: A stable word for programs, such as ``invalid_json``.
        request_id: What to look for in the server's log.
        issues: With status 422, what does not fit.
        message: The same sentence once more, on the routes whose v2 form is ``{"message": ...}``.
    """

    error: str
    code: str | UnsetType = UNSET
    request_id: str | UnsetType = field(default=UNSET, name="request_id")
    issues: list[FieldIssue] | UnsetType = UNSET
    message: str | UnsetType = UNSET


class EndpointErrorAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body with which an endpoint refuses an action (sections 2, 3.2 and 3.6).

    Attributes:
        message: A sentence.
        error: Native. The same sentence.
        code: Native. A stable word for programs.
    """

    message: str

    # Native.
    error: str | UnsetType = UNSET
    code: str | UnsetType = UNSET


class IntakeErrorAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of the 404 for a request that finds no HTTP endpoint (section 11.1)."""

    message: str
    error: Literal[True] = True


class RateLimitProblem(Struct, frozen=True, kw_only=True, rename="camel"):
    """The ``application/problem+json`` body of a 429 (section 4.14).

    Attributes:
        reset: Unix time in milliseconds.
        seconds_until_reset: Seconds.
    """

    title: str
    status: int
    type: str
    detail: str
    reset: int
    limit: int
    seconds_until_reset: int | float
    error: str
