"""Answers to requests."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class FetchResponse(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """An answer to a request.

    Attributes:
        status: Its status, 200 to 299.
        headers: Names in lower case, and values; those that are secret by their name are ``***``.
        data: The body, as the call's ``as_type=`` says, else as JSON; ``None`` if it is not JSON.
    """

    status: int
    headers: dict[str, str]
    data: T
