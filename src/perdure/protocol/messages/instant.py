"""Dates on the wire: ISO-8601 in UTC with exactly three decimals, as JavaScript writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Self, TypeVar

import msgspec

_Moment = TypeVar("_Moment", bound=datetime)

_END_OF_DAY = re.compile(r"([-0-9]{8,10}T)24((?::?00){1,2}(?:[.,]0{1,9})?(?:Z|[-+][0-9]{2}:?[0-9]{2})?)")

MILLISECOND = timedelta(milliseconds=1)


class Instant(datetime):
    """A moment in UTC that a message carries; it is a ``datetime`` and compares, hashes and subtracts as one.

    msgspec writes a plain ``datetime`` with six decimals or none, and lets nobody change that. A class of its own
    is what makes it ask, and makes a type checker refuse a ``datetime`` that would be written wrongly.
    """

    __slots__ = ()

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """Return an aware ``datetime`` as an instant in UTC; what is finer than a millisecond is not written.

        Raises:
            ValueError: The moment is naive.
        """
        if moment.tzinfo is not UTC:
            moment = _in_utc(moment)
        return cls(
            moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond, UTC
        )

    @classmethod
    def not_before(cls, moment: datetime) -> Self:
        """Return the first whole millisecond at or after a moment: a due time that must not come early.

        Raises:
            ValueError: The moment is naive.
        """
        beyond = moment.microsecond % 1000
        return cls.of(moment if beyond == 0 else moment + MILLISECOND - timedelta(microseconds=beyond))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ISO-8601 text; without an offset, or without a time of day, it is in UTC.

        Servers of v2 ran in UTC, and took dates as JavaScript does: in their own zone.

        Raises:
            ValueError: It is not a date, or lies outside the years 1 to 9999.
        """
        try:
            moment = cls.fromisoformat(text)
        except ValueError:
            try:
                moment = cls._parse_rare(text)
            except (ValueError, OverflowError):
                raise ValueError(f"Expected an ISO-8601 date, got {text[:64]!r}") from None
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        return moment if moment.tzinfo is UTC else _in_utc(moment)

    @classmethod
    def _parse_rare(cls, text: str) -> Self:
        """Read what Python does not, and JavaScript or RFC 3339 do: the end of a day as ``24:00``, a small ``z``."""
        upper = text.upper()
        end = _END_OF_DAY.fullmatch(upper)
        if end is None:
            return cls.fromisoformat(upper)
        return cls.fromisoformat(f"{end[1]}00{end[2]}") + timedelta(days=1)

    def plain(self) -> datetime:
        """Return the same moment as a ``datetime`` of no class of its own, as records have it."""
        return datetime.combine(self.date(), self.time(), UTC)

    def wire_text(self) -> str:
        """Return the text that travels, for example ``2024-01-01T00:00:01.500Z``."""
        return _write(self if self.tzinfo is UTC else _in_utc(self))


@lru_cache(maxsize=64)
def _write(moment: datetime) -> str:
    # A message has the same moment several times, and so have many messages of one millisecond.
    # This is two and a half times as fast as isoformat(timespec="milliseconds").
    text: str = msgspec.to_builtins(datetime.combine(moment, moment.timetz()))
    return f"{text[:23]}Z" if moment.microsecond else f"{text[:19]}.000Z"


def _in_utc(moment: _Moment) -> _Moment:
    if moment.tzinfo is None:
        raise ValueError(f"Expected a date with an offset from UTC, got {moment.isoformat()!r}")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"Expected a date between the years 1 and 9999, got {moment.isoformat()!r}") from None
