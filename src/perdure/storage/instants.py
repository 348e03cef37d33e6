"""Instants as they are stored: whole milliseconds since 1970, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """Turn an aware instant into milliseconds, rounded down."""
    return (at - _EPOCH) // _MS


def to_due_ms(at: datetime) -> int:
    """Turn an aware instant into milliseconds, rounded up: what is due then is never early."""
    return -((_EPOCH - at) // _MS)


def from_ms(ms: int) -> datetime:
    """Turn stored milliseconds into an aware instant in UTC."""
    return _EPOCH + ms * _MS


def from_ms_or_none(ms: int | None) -> datetime | None:
    """Turn stored milliseconds that may be missing into an aware instant in UTC."""
    return None if ms is None else _EPOCH + ms * _MS
