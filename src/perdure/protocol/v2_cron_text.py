"""Cron expressions of v2 clients, read as the npm package `cron-parser` 4 reads them: all that it accepts, no more."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NoReturn

from msgspec import Struct

from perdure.errors import CronNeverFiresError, InvalidCronError
from perdure.protocol.limits import CRON_LIMIT
from perdure.protocol.v2_cron import LONGEST, V2Cron

_WEEK: Final = 7
_ALIASES: Final = {
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# What JavaScript takes for white space.
_SPACES: Final = "\t\n\v\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_SPACE: Final = re.compile(f"[{_SPACES}]+")
_NAME: Final = re.compile("[A-Za-z]{3}")
_MINUS_NOUGHT: Final = re.compile("-0+")
_OCCURRENCE: Final = re.compile("0*[1-5]")


class _Field(Struct, frozen=True):
    """What a field may hold; the first of ``names`` stands for ``low``. ``default``: if it is not there."""

    what: str
    low: int
    high: int
    allowed: str = "[-,*/0-9]+"
    names: tuple[str, ...] = ()
    default: str = "*"
    may_be_last: bool = False


_DAYS: Final = _Field("day of the month", 1, 31, "[-?,*/0-9L]+", may_be_last=True)
_WEEKDAYS: Final = _Field(
    "day of the week", 0, _WEEK, "[-?,*/0-9L]+", ("sun", "mon", "tue", "wed", "thu", "fri", "sat"), may_be_last=True
)
_FIELDS: Final = (
    _Field("second", 0, 59, default="0"),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _DAYS,
    _Field(
        "month", 1, 12,
        names=("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ),
    _WEEKDAYS,
)  # fmt: skip


class _Named(Struct, frozen=True):
    """What a field names: numbers in order, as often as they are named, and texts with an ``L``."""

    numbers: list[int]
    lasts: list[str]

    def __len__(self) -> int:
        return len(self.numbers) + len(self.lasts)


def parse_v2_cron(text: str) -> V2Cron:
    """Read a cron expression of a v2 client: second, minute, hour, day of the month, month and day of the week.

    Where there are fewer than six fields, the first ones are left out: the second is 0 then, and any other is ``*``.
    Beside what `parse_cron` reads there are ``?`` in fields of days, ``L`` (the last day of the month), ``5L`` (its
    last Friday), ``5#2`` (its second) and ``@daily`` and its like. If both kinds of day are given, one of them must
    match.

    Raises:
        InvalidCronError: It is none.
        CronNeverFiresError: No date matches it.
    """
    return _parse(text)


@lru_cache(maxsize=1024)
def _parse(text: str) -> V2Cron:
    if len(text) > CRON_LIMIT:
        raise InvalidCronError(f"A cron has at most {CRON_LIMIT} characters; this one has {len(text)}.")
    fields = _split(text)
    fields[-1], occurrence = _split_occurrence(text, fields[-1])
    second, minute, hour, day, month, weekday = (
        _read(text, field, of) for field, of in zip(fields, _FIELDS, strict=True)
    )
    if len(month) == 1:
        day = _fit_days(text, day, LONGEST[month.numbers[0] - 1])
    cron = V2Cron(
        tuple(sorted(set(second.numbers))),
        tuple(sorted(set(minute.numbers))),
        tuple(sorted(set(hour.numbers))),
        frozenset(day.numbers),
        bool(day.lasts),
        len(day),
        frozenset(month.numbers),
        frozenset(weekday.numbers),
        _last_weekdays(text, weekday),
        len(weekday) == _WEEK + 1,
        occurrence,
    )
    if not cron.fires():
        raise CronNeverFiresError(f"The cron {text!r} never fires: no date matches it.")
    return cron


def _split(text: str) -> list[str]:
    fields = _SPACE.split(_ALIASES.get(text, text))
    given = [field for field in fields if field]
    missing = len(_FIELDS) - len(given)
    if missing < 0:
        raise InvalidCronError(
            "A cron has six fields at most, second, minute, hour, day of the month, month, day of the week, such as "
            f'"30 0 9 * * MON-FRI"; {text!r:.80} has {len(given)}.'
        )
    return [*(of.default for of in _FIELDS[:missing]), *given]


def _split_occurrence(text: str, weekday: str) -> tuple[str, int]:
    """Split ``5#2`` into the day of the week and the week of the month, 0 if there is none."""
    day, mark, occurrence = weekday.partition("#")
    if not mark:
        return weekday, 0
    if not _OCCURRENCE.fullmatch(occurrence) or any(sign in day for sign in ",-/"):
        raise InvalidCronError(
            f"The day of the week of the cron {text!r:.80} is {weekday!r:.40}: # stands between one day and a number "
            "from 1 to 5, such as MON#1."
        )
    return day, int(occurrence)


def _read(text: str, field: str, of: _Field) -> _Named:
    def refuse() -> NoReturn:
        last = ", or has an L" if of.may_be_last else ""
        raise InvalidCronError(
            f"The {of.what} of the cron {text!r:.80} is {field!r:.40}: each part of it is *, a number from {of.low} to "
            f"{of.high}, a range, or a step{last}."
        )

    def number(found: re.Match[str]) -> str:
        name = found[0].lower()
        return str(of.low + of.names.index(name)) if name in of.names else refuse()

    spelt = _NAME.sub(number, field) if of.names else field
    if not re.fullmatch(of.allowed, spelt):
        refuse()
    every = "*" if "*" in spelt else "?"
    # As text, so that "5*" is "50-59".
    spelt = spelt.replace(every, f"{of.low}-{of.high}")
    named = _Named([], [])
    for term in spelt.split(","):
        span, _, step = term.partition("/")
        if of.may_be_last and "L" in span and "-" not in span and "/" not in step:
            # With an L a step does not matter.
            named.lasts.append(span)
        elif numbers := _read_term(term, of):
            named.numbers.extend(numbers)
        else:
            refuse()
    named.numbers.sort()
    return named


def _read_term(term: str, of: _Field) -> list[int]:
    """Read one part of a field; nothing if it makes no sense."""
    span, mark, step = term.partition("/")
    if mark and span.isdecimal():
        span = f"{span}-{of.high}"
    first, dash, rest = span.partition("-")
    if not mark and not of.low and _MINUS_NOUGHT.fullmatch(term):
        return [0]
    if not dash:
        number = int(first) if first.isdecimal() else -1
        if not of.low <= number <= of.high:
            return []
        return [number % _WEEK if of is _WEEKDAYS else number]
    # What follows a second dash does not matter, and nothing is 0.
    last = rest.partition("-")[0] or "0"
    if not (first.isdecimal() and last.isdecimal() and (not mark or step.isdecimal())):
        return []
    begin, end, by = int(first), int(last), int(step) if mark else 1
    if not of.low <= begin <= end <= of.high or by == 0:
        return []
    numbers = list(range(begin, end + 1, by))
    # A week that ends on a Sunday has one, whatever the step.
    return [0, *filter(None, numbers)] if of is _WEEKDAYS and end % _WEEK == 0 else numbers


def _fit_days(text: str, day: _Named, longest: int) -> _Named:
    """Leave out the days that the one month does not have."""
    if day.numbers and day.numbers[0] > longest:
        raise CronNeverFiresError(f"The cron {text!r} never fires: no month that it names has a day {day.numbers[0]}.")
    return _Named([number for number in day.numbers if number <= longest], [one for one in day.lasts if one == "L"])


def _last_weekdays(text: str, weekday: _Named) -> frozenset[int]:
    """Read ``5L`` and its like: the first character is the day."""
    days = {int(one[0]) % _WEEK for one in weekday.lasts if one[0].isdecimal()}
    is_ever_asked = len(set(weekday.numbers) - {_WEEK}) < _WEEK
    if is_ever_asked and any(not one[0].isdecimal() for one in weekday.lasts):
        raise InvalidCronError(
            f"The day of the week of the cron {text!r:.80} has an L without a day before it; the last Friday of the "
            "month is 5L."
        )
    return frozenset(days)
