"""When crons fire, found the long way round: every quarter of an hour of a zone is asked for its offset, every time of
every date is looked for in what that gave, and the rules are applied to what was found.

Nothing here is shared with `perdure.protocol`. Times are counted in minutes since 1970.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 24 * 60
NAMES = {
    name: str(number)
    for names, start in (("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", 1), ("SUN MON TUE WED THU FRI SAT", 0))
    for number, name in enumerate(names.split(), start)
}


class Span(NamedTuple):
    """A time of one offset: the minutes ``begin`` to ``end``, the last not included."""

    begin: int
    end: int
    offset: int


class PlainCron:
    """A cron expression, spelt out."""

    def __init__(self, text: str) -> None:
        minute, hour, day, month, weekday = text.upper().split()
        self.is_fixed = set(minute + hour) <= set("0123456789,")
        self.times = [h * 60 + m for h in numbers(hour, 0, 23) for m in numbers(minute, 0, 59)]
        self.days = numbers(day, 1, 31)
        self.months = numbers(month, 1, 12)
        self.weekdays = {number % 7 for number in numbers(weekday, 0, 7)}
        self.needs_both = day[0] == "*" or weekday[0] == "*"

    def falls_on(self, on: date) -> bool:
        is_day, is_weekday = on.day in self.days, on.isoweekday() % 7 in self.weekdays
        return on.month in self.months and (is_day and is_weekday if self.needs_both else is_day or is_weekday)


def numbers(field: str, low: int, high: int) -> list[int]:
    """List the numbers that a field names."""
    found: set[int] = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        else:
            begin = int(NAMES.get(first, first))
            end = int(NAMES.get(last, last)) if last else high if step else begin
            end = end if end >= begin else end + 7
        found |= set(range(begin, end + 1, int(step or 1)))
    return sorted(found)


@lru_cache(maxsize=64)
def spans(zone: str, begin: int, end: int) -> list[Span]:
    """List the offsets of a zone from one minute to another, and for three days around."""
    info = ZoneInfo(zone)

    def offset(minute: int) -> int:
        found = (EPOCH + timedelta(minutes=minute)).astimezone(info).utcoffset()
        assert found is not None
        return found // timedelta(minutes=1)

    begin, end = begin - 3 * DAY, end + 3 * DAY
    listed: list[Span] = []
    start, current = begin, offset(begin)
    for quarter in range(begin, end, 15):
        if offset(quarter) != current:
            moved = next(minute for minute in range(quarter - 14, quarter + 1) if offset(minute) != current)
            listed.append(Span(start, moved, current))
            start, current = moved, offset(quarter)
    return [*listed, Span(start, end, current)]


def ticks(cron: PlainCron, zone: str, begin: int, end: int) -> list[int]:
    """List the ticks of a cron from one minute to another."""
    listed = spans(zone, begin, end)
    found: set[int] = set()
    first, last = (EPOCH + timedelta(minutes=begin)).date(), (EPOCH + timedelta(minutes=end)).date()
    for days in range(-2, (last - first).days + 3):
        on = first + timedelta(days=days)
        if cron.falls_on(on):
            midnight = (on - EPOCH.date()).days * DAY
            walls = [midnight + time for time in cron.times]
            near = [span for span in listed if span.begin < walls[-1] + 2 * DAY and span.end > walls[0] - 2 * DAY]
            found |= _ticks_of_date(cron, walls, near)
    return sorted(tick for tick in found if begin <= tick < end)


def _ticks_of_date(cron: PlainCron, walls: list[int], near: list[Span]) -> set[int]:
    if len(near) == 1:
        return {wall - near[0].offset for wall in walls}
    times = {
        wall: [wall - span.offset for span in near if span.begin <= wall - span.offset < span.end] for wall in walls
    }
    jumps = {
        later.begin
        for earlier, later in pairwise(near)
        for wall in walls
        if later.begin + earlier.offset <= wall < later.begin + later.offset
    }
    if cron.is_fixed:
        return {found[0] for found in times.values() if found} | jumps
    met = {tick for found in times.values() for tick in found}
    return met or jumps
