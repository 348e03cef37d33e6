"""When a rate limit ends, by what a response header says (v2 protocol, section 7.2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

_INTEGER = re.compile(r"\s*(-?\d+)(?:\.\d*)?\s*", re.ASCII)
_DURATION = re.compile(
    r"(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)s)?(?:(?P<milliseconds>\d+)ms)?",
    re.ASCII,
)


class ResetFormat(StrEnum):
    """The ways to write the time at which a rate limit ends."""

    UNIX_TIMESTAMP = "unix_timestamp"
    """Seconds since 1970."""
    UNIX_TIMESTAMP_IN_MS = "unix_timestamp_in_ms"
    """Milliseconds since 1970."""
    ISO_8601 = "iso_8601"
    """A date and time; in UTC if it names no zone."""
    ISO_8601_DURATION_OPENAI_VARIANT = "iso_8601_duration_openai_variant"
    """A time from now, such as ``6m59s``, ``3h36m7.312s`` or ``72ms``."""


def parse_reset_time(text: str | None, *, format: ResetFormat, now: datetime) -> datetime | None:
    """Read the value of a reset header.

    Args:
        text: The header's value, or ``None`` if there is none.
        format: How it is written.
        now: The engine clock's time, in UTC; durations count from it.

    Returns:
        The instant in UTC, or ``None`` if the text cannot be read as one: then there is no retry.
    """
    if not text:
        return None
    try:
        match format:
            case ResetFormat.UNIX_TIMESTAMP:
                return _from_epoch(text, timedelta(seconds=1))
            case ResetFormat.UNIX_TIMESTAMP_IN_MS:
                return _from_epoch(text, timedelta(milliseconds=1))
            case ResetFormat.ISO_8601:
                return _from_iso(text)
            case ResetFormat.ISO_8601_DURATION_OPENAI_VARIANT:
                return _from_duration(text, now)
    except (ValueError, OverflowError):
        return None


def _from_epoch(text: str, unit: timedelta) -> datetime | None:
    match = _INTEGER.fullmatch(text)
    return None if match is None else datetime(1970, 1, 1, tzinfo=UTC) + int(match[1]) * unit


def _from_iso(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _from_duration(text: str, now: datetime) -> datetime | None:
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    return now + timedelta(**{unit: float(amount) for unit, amount in match.groupdict(default="0").items()})
