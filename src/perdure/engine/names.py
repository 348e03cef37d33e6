"""Names and ids that come from elsewhere, before they are stored or compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from perdure.errors import InvalidArgumentError
from perdure.protocol.limits import ID_LIMIT, NAME_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

WANTED_LIMIT: Final = 64 * 1024
"""How many bytes the options of a source may have, names and values together."""

# U+FFFD is what is read where half of a surrogate pair was sent: two ids must not become one.
_NOT_IN_NAMES: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")


def check_text(value: str, what: str, *, limit: int = NAME_LIMIT) -> str:
    """Check a name or an id.

    Args:
        value: The text.
        what: What it is, to begin the message with.
        limit: How many characters it may have.

    Returns:
        The text.

    Raises:
        InvalidArgumentError: It is empty, too long, or has control characters or halves of surrogate pairs.
    """
    if not 1 <= len(value) <= limit:
        raise InvalidArgumentError(f"{what} has 1 to {limit:,} characters; this one has {len(value):,}.")
    if (not value.isascii() or not value.isprintable()) and _NOT_IN_NAMES.search(value):
        raise InvalidArgumentError(
            f"{what} is a text without control characters and halves of surrogate pairs, not {value!r:.80}."
        )
    return value


def check_rule(names: Iterable[str], source: str) -> None:
    """Check which events a rule takes.

    Raises:
        InvalidArgumentError: No event has such a name or source.
    """
    for name in names:
        check_text(name, "The name of an event")
    check_text(source, "The source of an event")


def check_wanted(wanted: dict[str, list[str]]) -> None:
    """Check what is wanted of a vendor, such as the events that it is to send.

    Raises:
        InvalidArgumentError: A name or a value is none, or they are too large together.
    """
    size = 0
    for name, values in wanted.items():
        check_text(name, "The name of an option of a source")
        size += len(name.encode())
        for value in values:
            check_text(value, "The value of an option of a source", limit=ID_LIMIT)
            size += len(value.encode())
    if size > WANTED_LIMIT:
        # An event tells of them, up to three times, and has to be small enough to be sent.
        raise InvalidArgumentError(f"The options of a source have {size:,} bytes; at most {WANTED_LIMIT:,} are kept.")
