"""The patterns by which retry strategies choose HTTP statuses (v2 protocol, section 7.2)."""

from __future__ import annotations

import re

from perdure.errors import InvalidArgumentError

_PATTERN = re.compile(r"all|\d{3}-\d{3}|\d{3}|\dxx|\d{2}x|\s*\d{3}\s*(?:,\s*\d{3}\s*)+", re.ASCII)
_STATUSES = range(100, 600)


def match_status_pattern(pattern: str, status: int) -> bool:
    """Say whether a status matches ``all``, ``429,503``, ``500-599``, ``5xx``, ``42x`` or ``429``.

    Args:
        pattern: The pattern; text that is none matches nothing.
        status: An HTTP status.
    """
    code = str(status)
    if pattern == "all":
        return True
    if not _PATTERN.fullmatch(pattern):
        return False
    if "," in pattern:
        return code in {listed.strip() for listed in pattern.split(",")}
    if "-" in pattern:
        first, _, last = pattern.partition("-")
        return int(first) <= status <= int(last)
    return len(code) == 3 and code.startswith(pattern.rstrip("x"))


def check_status_pattern(pattern: str) -> None:
    """Refuse a pattern that can never match.

    Raises:
        InvalidArgumentError: It is none of the forms that ``match_status_pattern`` knows, or asks for no HTTP status.
    """
    if not any(match_status_pattern(pattern, status) for status in _STATUSES):
        raise InvalidArgumentError(
            f"{pattern!r} is no status pattern; write all, 429, 42x, 5xx, 500-599 or a list such as 429,503."
        )
