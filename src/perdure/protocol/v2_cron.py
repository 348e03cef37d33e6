"""When the cron expressions of v2 clients fire: as the npm package `cron-parser` 4 has it, with seconds, and in UTC.

Its oddities are kept: what was written for it is not to tick otherwise than it did.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from datetime import date, datetime, time, timedelta
from typing import Final

from msgspec import Struct

from perdure.protocol.limits import CRON_STEPS

LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""How many days a month has at most."""

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_NO_LEAP_YEAR: Final = 2023


class V2Cron(Struct, frozen=True):
    """A cron expression of a v2 client; `v2_cron_text` makes it.

    Attributes:
        seconds: In order; likewise ``minutes`` and ``hours``.
        days: Of the month.
        on_last_day: Whether it fires on the last day of a month, too.
        days_named: How many days the expression names, one that is named twice counted twice. As many as the longest
            such month has are all of them, whichever they are.
        weekdays: 0 (Sunday) to 6.
        last_weekdays: Those whose last one in a month it fires on.
        any_weekday: Whether it names eight days of the week: all of them, whichever they are.
        occurrence: Only in this of the weeks that begin on the 1st, the 8th and so on; 0 is any.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    on_last_day: bool
    days_named: int
    months: frozenset[int]
    weekdays: frozenset[int]
    last_weekdays: frozenset[int]
    any_weekday: bool
    occurrence: int

    def falls_on(self, day: date) -> bool:
        """Whether it fires on a date."""
        if day.month not in self.months:
            return False
        left = monthrange(day.year, day.month)[1] - day.day
        weekday = day.isoweekday() % 7
        is_weekday = weekday in self.weekdays or (weekday in self.last_weekdays and left < 7)
        return self._names(day.month, day.day, left, is_weekday=is_weekday)

    def fires(self) -> bool:
        """Whether it fires on any date; sooner or later a date is on each day of the week."""
        return any(
            self._names(month, day, left, is_weekday=bool(self.weekdays or (self.last_weekdays and left < 7)))
            for month in self.months
            for length in {LONGEST[month - 1], monthrange(_NO_LEAP_YEAR, month)[1]}
            for day, left in zip(range(1, length + 1), reversed(range(length)), strict=True)
        )

    def after(self, at: datetime) -> datetime | None:
        """Give the first second later than an instant; both are in UTC, and naive. ``None``: it is decades away."""
        begin = at.replace(microsecond=0) + _SECOND
        day = begin.date()
        if self.falls_on(day):
            found = self._time_from(begin.hour, begin.minute, begin.second)
            if found is not None:
                return datetime.combine(day, found)
        day += _DAY
        for _ in range(CRON_STEPS):
            if day.month not in self.months:
                day = (day.replace(day=28) + 4 * _DAY).replace(day=1)
            elif self.falls_on(day):
                return datetime.combine(day, time(self.hours[0], self.minutes[0], self.seconds[0]))
            else:
                day += _DAY
        return None

    def _names(self, month: int, day: int, left: int, *, is_weekday: bool) -> bool:
        """Whether it fires on a day of a month that has so many days after it."""
        if self.occurrence not in (0, (day - 1) // 7 + 1):
            return False
        is_day = day in self.days or (self.on_last_day and not left)
        if self.any_weekday:
            return is_day
        return is_weekday or (is_day and self.days_named < LONGEST[month - 1])

    def _time_from(self, hour: int, minute: int, second: int) -> time | None:
        """Give the first time of a date that is not earlier than one."""
        if hour in self.hours:
            if minute in self.minutes:
                at = bisect_left(self.seconds, second)
                if at < len(self.seconds):
                    return time(hour, minute, self.seconds[at])
            at = bisect_right(self.minutes, minute)
            if at < len(self.minutes):
                return time(hour, self.minutes[at], self.seconds[0])
        at = bisect_right(self.hours, hour)
        return time(self.hours[at], self.minutes[0], self.seconds[0]) if at < len(self.hours) else None
