"""Text for people: instants, lengths of time, values, and what a terminal must not obey."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What a terminal would obey, line ends and tabs aside."""

_BREAKS: Final = str.maketrans({"\n": "\\n", "\t": "\\t"})


def make_harmless(text: str) -> str:
    """Show the characters that a terminal would obey as what they are."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """Make a text that is one cell of a table: no line ends, no tabs, nothing to obey."""
    return make_harmless(text).translate(_BREAKS)


def cell(value: Any, *, for_people: bool) -> str:
    """Show a value in a cell; ``None`` is empty.

    Args:
        value: The value.
        for_people: Whether instants are shown in the local time zone, to the second; else they are ISO-8601 in UTC.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return local_time(value) if for_people else iso_time(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, int, float)):
        return one_line(str(value))
    return one_line(value_text(value))


def local_time(instant: datetime) -> str:
    """Show an instant in the time zone of this machine."""
    return instant.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def iso_time(instant: datetime) -> str:
    """Show an instant as ISO-8601 in UTC, to the millisecond."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def value_text(value: Any) -> str:
    """Show a JSON value as JSON in one line."""
    return msgspec.json.encode(value).decode()


def duration_text(length: timedelta) -> str:
    """Show a length of time: ``30d``, ``1h5m``, ``2.5s``, ``40ms``."""
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = int(seconds)
    parts = ((whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    shown = [f"{number}{unit}" for number, unit in parts if number]
    return "".join(shown[:2])
