"""Names and ids as arguments: text of limited length without control characters."""

from __future__ import annotations

import re
from typing import Final

from perdure.errors import InvalidArgumentError
from perdure.protocol.limits import NAME_LIMIT

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def check_name(value: object, *, what: str, limit: int = NAME_LIMIT) -> str:
    """Check a name or an id.

    Args:
        value: The text.
        what: The argument's name, for the message.
        limit: How many characters it may have.

    Returns:
        The value.

    Raises:
        InvalidArgumentError: It is no text, empty, too long, or has control characters or lone surrogates.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= limit:
        raise InvalidArgumentError(f"{what} is a text of 1 to {limit} characters, not {_shown(value)}.")
    if _CONTROL.search(value):
        raise InvalidArgumentError(f"{what} is a text without control characters, not {_shown(value)}.")
    return value


def check_id(value: object, *, what: str) -> str:
    """Check an id by which something is looked up: any text that the database can compare.

    Raises:
        InvalidArgumentError: It is no text, or has lone surrogates.
    """
    if not isinstance(value, str) or _SURROGATE.search(value):
        raise InvalidArgumentError(f"{what} is a text, not {_shown(value)}.")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}… ({len(text)} characters)"
