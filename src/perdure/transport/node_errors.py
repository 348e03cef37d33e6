"""From a node's answer that is an error to the exception that the same call raises in the node's own process."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import msgspec

from perdure import errors
from perdure.errors import (
    InvalidArgumentError,
    Issue,
    JsonError,
    NotConnectedError,
    PayloadValidationError,
    PerdureError,
    ValueTooLargeError,
)

KEY_CODES: Final = frozenset({"missing_api_key", "invalid_api_key", "public_key_not_allowed"})
"""What is answered to a wrong key."""

_JSON_CODES: Final = frozenset(
    {"invalid_json", "invalid_encoding", "json_too_deep", "json_too_large", "number_out_of_range", "duplicate_key"}
)
_ARGUMENT_CODES: Final = frozenset({"invalid_field", "invalid_key", "conflicting_fields", "uri_too_long"})

_SIZE_CODES: Final = frozenset({"payload_too_large", "output_too_large"})


class Refused(msgspec.Struct, frozen=True):
    """The body of an answer that is an error."""

    error: str
    code: str
    issues: list[dict[str, Any]] = []


def read_refusal(body: bytes) -> Refused | None:
    """Read the body of an answer that is an error; ``None``: no node has written it."""
    try:
        return msgspec.json.decode(body, type=Refused)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def error_of(status: int, refused: Refused | None, *, url: str) -> Exception:
    """Make the exception for an answer that is an error.

    Args:
        status: Its status.
        refused: Its body.
        url: Whose answer it is.
    """
    if refused is None:
        return PerdureError(f"What answers at {url} is no node of perdure: it answered with status {status}.")
    code, message = refused.code, refused.error
    if code == "timeout":
        return TimeoutError()
    if code in KEY_CODES:
        return NotConnectedError(f"The node at {url} does not take the API key that it is asked with. {message}")
    if code in _JSON_CODES:
        return JsonError(message, code=code)
    if code == PayloadValidationError.code:
        return PayloadValidationError(message, issues=[Issue(one["path"], one["message"]) for one in refused.issues])
    if code in _ARGUMENT_CODES:
        return InvalidArgumentError(message)
    if code in _SIZE_CODES:
        return ValueTooLargeError(message)
    kind = _kinds().get(code)
    return (
        PerdureError(f"The node at {url} answered with status {status}: {message}") if kind is None else kind(message)
    )


@cache
def _kinds() -> dict[str, type[PerdureError]]:
    return {kind.code: kind for kind in _tree(errors.PerdureError)}


def _tree(kind: type[PerdureError]) -> Iterator[type[PerdureError]]:
    yield kind
    for narrower in kind.__subclasses__():
        # Users may have errors of their own below ours.
        if narrower.__module__ == errors.__name__:
            yield from _tree(narrower)
