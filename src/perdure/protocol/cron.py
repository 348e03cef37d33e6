"""Cron expressions: five fields, as a clock on the wall meets them. Where clocks are moved is for `local_time`."""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from msgspec import Struct

from perdure.errors import CronNeverFiresError, InvalidCronError
from perdure.protocol.limits import CRON_LIMIT, CRON_STEPS
from perdure.protocol.value_paths import type_name

_TEXT: Final = re.compile("[!-~ \t]*")
_TERM: Final = re.compile("([0-9]+|[A-Z]{3}|[*])(?:-([0-9]+|[A-Z]{3}))?(?:/([0-9]+))?")
_FIXED: Final = re.compile("[0-9]+(,[0-9]+)*")
_LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAY: Final = timedelta(days=1)


class _Field(Struct, frozen=True):
    """What a field may hold; the first of ``names`` stands for ``low``."""

    what: str
    low: int
    high: int
    names: tuple[str, ...] = ()


# Sunday is 0 and 7.
_WEEK: Final = _Field("day of the week", 0, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    _WEEK,
)


class Cron(Struct, frozen=True):
    """A cron expression; `parse_cron` makes it.

    Attributes:
        minutes: In order; likewise ``hours``.
        days: Of the month.
        weekdays: 0 (Sunday) to 6.
        needs_both: Whether both the day of the month and that of the week must match, or one of them.
        is_fixed: Whether minutes and hours were numbers or lists of numbers.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    needs_both: bool
    is_fixed: bool

    def falls_on(self, day: date) -> bool:
        """Whether it fires on a date."""
        if day.month not in self.months:
            return False
        is_day, is_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return is_day and is_weekday if self.needs_both else is_day or is_weekday

    def after(self, wall: datetime) -> datetime | None:
        """Give the first minute later than a wall time; both are naive. ``None``: it is decades away."""
        day = wall.date()
        if self.falls_on(day):
            found = self._time_after(wall.hour, wall.minute)
            if found is not None:
                return datetime.combine(day, found)
        return self.first_from(day + _DAY)

    def at_or_after(self, wall: datetime) -> datetime | None:
        """Give the first minute at a wall time or later."""
        return self.after(wall - datetime.resolution)

    def first_from(self, day: date) -> datetime | None:
        """Give the first minute of a date or of a later one."""
        for _ in range(CRON_STEPS):
            if day.month not in self.months:
                day = (day.replace(day=28) + 4 * _DAY).replace(day=1)
            elif self.falls_on(day):
                return datetime.combine(day, time(self.hours[0], self.minutes[0]))
            else:
                day += _DAY
        return None

    def _time_after(self, hour: int, minute: int) -> time | None:
        if hour in self.hours:
            at = bisect_right(self.minutes, minute)
            if at < len(self.minutes):
                return time(hour, self.minutes[at])
        at = bisect_right(self.hours, hour)
        return time(self.hours[at], self.minutes[0]) if at < len(self.hours) else None


def parse_cron(text: object) -> Cron:
    """Read a cron expression: minute, hour, day of the month, month and day of the week.

    A field is ``*``, a number, a range, a step (``*/5``, ``10-40/5``, ``10/5``: from 10 on), or a list of those with
    commas. Months and days of the week have names, too. If both kinds of day are given, one of them must match, except
    that both must if one begins with ``*``.

    Raises:
        InvalidCronError: It is none.
        CronNeverFiresError: No month that it names has such a day.
    """
    if not isinstance(text, str):
        raise InvalidCronError(f'A cron is text such as "0 9 * * MON-FRI", not {type_name(text)}.')
    return _parse(text)


@lru_cache(maxsize=1024)
def _parse(text: str) -> Cron:
    fields = _split(text)
    minutes, hours, days, months, weekdays = (_read(text, field, of) for field, of in zip(fields, _FIELDS, strict=True))
    needs_both = fields[2].startswith("*") or fields[4].startswith("*")
    if needs_both and min(days) > max(_LONGEST[month - 1] for month in months):
        raise CronNeverFiresError(f"The cron {text!r} never fires: no month that it names has a day {min(days)}.")
    return Cron(
        tuple(sorted(minutes)),
        tuple(sorted(hours)),
        frozenset(days),
        frozenset(months),
        frozenset(day % 7 for day in weekdays),
        needs_both,
        all(_FIXED.fullmatch(field) for field in fields[:2]),
    )


def _split(text: str) -> list[str]:
    if len(text) > CRON_LIMIT:
        raise InvalidCronError(f"A cron has at most {CRON_LIMIT} characters; this one has {len(text)}.")
    fields = text.upper().split()
    if len(fields) != len(_FIELDS) or not _TEXT.fullmatch(text):
        raise InvalidCronError(
            "A cron has five fields, minute, hour, day of the month, month, day of the week, such as "
            f'"0 9 * * MON-FRI"; {text!r:.80} has not.'
        )
    return fields


def _read(text: str, field: str, of: _Field) -> set[int]:
    found: set[int] = set()
    for term in field.split(","):
        numbers = _read_term(term, of)
        if not numbers:
            raise InvalidCronError(
                f"The {of.what} of the cron {text!r:.80} is {field!r:.40}: each part of it is *, a number from "
                f"{of.low} to {of.high}, a range, or a step; L and # are not supported."
            )
        found.update(numbers)
    return found


def _read_term(term: str, of: _Field) -> range:
    """Read one part of a field; nothing if it makes no sense."""
    match = _TERM.fullmatch(term)
    first, last, step = match.groups() if match is not None else ("", None, None)
    if first == "*":
        begin, end = of.low, of.high if last is None else -1
    else:
        begin = _number(first, of)
        end = _number(last, of) if last is not None else begin if step is None else of.high
    if of is _WEEK and end == 0:
        # A week may end on a Sunday, too: MON-SUN.
        end = 7 if begin > 0 else 0
    if begin < 0 or end < begin or (step is not None and int(step) == 0):
        return range(0)
    return range(begin, end + 1, 1 if step is None else int(step))


def _number(text: str, of: _Field) -> int:
    """Read a number or a name; -1 if it is none."""
    if text in of.names:
        return of.low + of.names.index(text)
    number = int(text) if text.isdecimal() else -1
    return number if of.low <= number <= of.high else -1
