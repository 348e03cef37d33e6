"""What a command that failed says, and the status that it exits with."""

from __future__ import annotations

import json
import sys
from typing import Final

from perdure.cli.text import make_harmless, one_line
from perdure.errors import (
    DatabaseLockedError,
    InvalidArgumentError,
    NotConnectedError,
    NotFoundError,
    PerdureError,
)

FAILED: Final = 1
USED_WRONGLY: Final = 2
NOT_FOUND: Final = 3
NOT_CONNECTED: Final = 4

_LONGEST: Final = 4000
"""How many characters of a sentence are shown; what repeats a longer argument is cut in its middle."""


def explain(error: Exception, *, as_json: bool = False) -> int:
    """Say on standard error what went wrong, and what to do.

    Args:
        error: What a command has raised.
        as_json: Whether it is said as a JSON object with ``error`` and ``code``.

    Returns:
        The exit status that it means.
    """
    status = status_of(error)
    message = message_of(error)
    if as_json:
        code = error.code if isinstance(error, PerdureError) else "usage" if status == USED_WRONGLY else "failed"
        message = json.dumps({"error": message, "code": code})
    print(make_harmless(message), file=sys.stderr)  # noqa: T201
    return status


def status_of(error: Exception) -> int:
    """Give the exit status that an error means."""
    if isinstance(error, NotFoundError):
        return NOT_FOUND
    if isinstance(error, (NotConnectedError, DatabaseLockedError)):
        return NOT_CONNECTED
    if isinstance(error, InvalidArgumentError) or _is_about_usage(error):
        return USED_WRONGLY
    return FAILED


def message_of(error: Exception) -> str:
    """Give an error's sentence; where the command line is wrong, with where to read about it."""
    if isinstance(error, TimeoutError) and not str(error):
        return "It took too long."
    message = str(error)
    if len(message) > _LONGEST:
        message = f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 :]}"
    if _is_about_usage(error):
        # It repeats what was given as it was given.
        return f"{one_line(message)} See --help."
    return message


def _is_about_usage(error: Exception) -> bool:
    # Not imported: what is used rightly need not load what explains.
    return any(kind.__name__ == "CycloptsError" for kind in type(error).__mro__)
