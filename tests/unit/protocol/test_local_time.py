from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.protocol.cron import parse_cron
from perdure.protocol.local_time import next_tick
from perdure.protocol.time_zones import find_zone
from tests.unit.protocol.wall_clock import DAY, EPOCH, PlainCron, spans, ticks

ZONES = [
    "America/Santiago",  # Clocks move at midnight.
    "Europe/London",
    "Australia/Lord_Howe",  # By half an hour.
    "Africa/Casablanca",  # For Ramadan, whose dates wander.
    "Asia/Kolkata",  # Never.
    "America/New_York",
    "America/Nuuk",  # Before midnight; and its rules change in 2023.
    "Africa/Cairo",  # Not before 2023.
    "America/Havana",
    "Pacific/Chatham",  # At a quarter to three.
    "Antarctica/Troll",  # By two hours.
    "Asia/Gaza",
]
FIXED = [
    "30 2 * * *",
    "0 0 * * *",
    "0,30 2,3 * * *",
    "15 1 * * FRI-SUN",
    "59 23 * * *",
    "45 2 * * SUN",
    "0 0 1 * *",
    "45 2 29 2 *",
    "0 1,2 25-31 3,10 SUN",
]
ELAPSED = [
    "*/30 2 * * *",
    "*/15 * * * *",
    "* * * * *",
    "0 */6 * * *",
    "30 1-3 * * SUN",
    "*/20 0 * * FRI,SUN",
    "*/30 2,14 * * SUN",
    "10-50/20 23 * * SAT",
    "0 0-23/12 */2 * *",
    "5 2-2 * * *",
    "0/45 1 * * 7",
]
PROVING = bool(os.environ.get("PERDURE_PROVE"))
YEARS = range(2020, 2036)
DENSE = 30 if PROVING else 1
"""Crons with more ticks a day are looked at only around the nights in which clocks move."""


def minute(year: int, month: int = 1, day: int = 1, hour: int = 0) -> int:
    return (datetime(year, month, day, hour, tzinfo=UTC) - EPOCH) // timedelta(minutes=1)


def walked(text: str, zone: str, begin: int, end: int) -> list[int]:
    """List the ticks from one minute to another as `next_tick` gives them."""
    cron, info = parse_cron(text), find_zone(zone)
    found: list[int] = []
    at: datetime | None = EPOCH + timedelta(minutes=begin, microseconds=-1)
    while at is not None:
        previous, at = at, next_tick(cron, info, at)
        assert at is None or at > previous
        if at is None or at >= EPOCH + timedelta(minutes=end):
            break
        assert (at - EPOCH) % timedelta(minutes=1) == timedelta()
        found.append((at - EPOCH) // timedelta(minutes=1))
    return found


def windows(text: str, zone: str, year: int) -> list[tuple[int, int]]:
    begin, end = minute(year), minute(year + 1)
    if len(PlainCron(text).times) <= DENSE:
        return [(begin, end)]
    return [(span.begin - DAY, span.begin + DAY) for span in spans(zone, begin, end)[1:]]


CASES = [(zone, year) for zone in ZONES for year in YEARS]


@pytest.mark.parametrize(("zone", "year"), CASES if PROVING else CASES[::10])
def test_ticks_are_those_that_the_long_way_round_finds(zone: str, year: int) -> None:
    for text in FIXED + ELAPSED:
        for begin, end in windows(text, zone, year):
            assert walked(text, zone, begin, end) == ticks(PlainCron(text), zone, begin, end), text


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.tuples(st.one_of(st.just("*"), span, number.map(str)), st.integers(1, high)).map("{0[0]}/{0[1]}".format)
    term = st.one_of(number.map(str), span, step)
    return st.one_of(st.just("*"), number.map(str), st.lists(term, min_size=1, max_size=3).map(",".join))


CRONS = st.tuples(
    fields(0, 59), st.one_of(fields(0, 3), fields(0, 23)), fields(1, 31), fields(1, 12), fields(0, 7)
).map(" ".join)


@st.composite
def shifts(draw: st.DrawFn) -> tuple[str, int]:
    """Draw a zone and a minute at which its clocks move."""
    zone, year = draw(st.sampled_from(ZONES)), draw(st.sampled_from(YEARS))
    found = [span.begin for span in spans(zone, minute(year), minute(year + 1))[1:]]
    return zone, draw(st.sampled_from(found or [minute(year)]))


@settings(deadline=None, max_examples=1000 if PROVING else 60)
@given(CRONS, shifts(), st.integers(-DAY, 120))
def test_any_cron_ticks_around_a_shift_as_the_long_way_round_finds(
    text: str, shift: tuple[str, int], start: int
) -> None:
    zone, at = shift
    plain = PlainCron(text)
    if plain.needs_both and min(plain.days) > 28:
        return
    begin = at + start
    assert walked(text, zone, begin, at + DAY) == ticks(plain, zone, begin, at + DAY)


@given(CRONS, st.sampled_from(ZONES), st.integers(minute(2020), minute(2099)))
def test_a_tick_is_later_than_what_it_follows(text: str, zone: str, start: int) -> None:
    plain = PlainCron(text)
    if plain.needs_both and min(plain.days) > 28:
        return
    after = EPOCH + timedelta(minutes=start)
    tick = next_tick(parse_cron(text), find_zone(zone), after)
    assert tick is not None
    assert tick > after
    assert tick.tzinfo is UTC


def local(text: str, zone: str, start: str, count: int) -> list[str]:
    """List ticks as a clock on the wall shows them, with the offset."""
    at: datetime | None = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    found: list[str] = []
    for _ in range(count):
        assert at is not None
        at = next_tick(parse_cron(text), find_zone(zone), at)
        assert at is not None
        found.append(at.astimezone(ZoneInfo(zone)).strftime("%d. %H:%M %z"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * *", ["31. 03:00 +0200", "01. 02:30 +0200"]),
        ("0,30 2 * * *", ["31. 03:00 +0200", "01. 02:00 +0200"]),
        ("0 2,3 * * *", ["31. 03:00 +0200", "01. 02:00 +0200"]),
        ("30 2,3 * * *", ["31. 03:00 +0200", "31. 03:30 +0200"]),
        ("*/30 2 * * *", ["31. 03:00 +0200", "01. 02:00 +0200"]),
        ("30 2-3 * * *", ["31. 03:30 +0200", "01. 02:30 +0200"]),
        ("*/30 2,14 * * *", ["31. 14:00 +0200", "31. 14:30 +0200"]),
        ("30 * 31 * *", ["31. 00:30 +0100", "31. 01:30 +0100", "31. 03:30 +0200"]),
    ],
)
def test_where_an_hour_is_skipped(text: str, expected: list[str]) -> None:
    assert local(text, "Europe/Berlin", "2030-03-30T20:00", len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * *", ["27. 02:30 +0200", "28. 02:30 +0100"]),
        ("0,30 2 * * *", ["27. 02:00 +0200", "27. 02:30 +0200", "28. 02:00 +0100"]),
        ("30 2-2 * * *", ["27. 02:30 +0200", "27. 02:30 +0100", "28. 02:30 +0100"]),
        ("*/30 2 * * *", ["27. 02:00 +0200", "27. 02:30 +0200", "27. 02:00 +0100", "27. 02:30 +0100"]),
    ],
)
def test_where_an_hour_comes_twice(text: str, expected: list[str]) -> None:
    assert local(text, "Europe/Berlin", "2030-10-26T20:00", len(expected)) == expected


def test_who_asks_in_the_second_of_two_equal_hours_gets_what_is_left_of_it() -> None:
    second = datetime(2030, 10, 27, 1, 10, tzinfo=UTC)
    berlin = find_zone("Europe/Berlin")
    assert next_tick(parse_cron("*/30 2 * * *"), berlin, second) == second + timedelta(minutes=20)
    assert next_tick(parse_cron("30 2 * * *"), berlin, second) == datetime(2030, 10, 28, 1, 30, tzinfo=UTC)


def test_where_midnight_is_skipped_a_daily_job_runs_at_one() -> None:
    assert local("0 0 * * *", "America/Santiago", "2030-09-07T12:00", 2) == ["08. 01:00 -0300", "09. 00:00 -0300"]
    assert local("*/20 0 * * *", "America/Santiago", "2030-09-07T12:00", 2) == ["08. 01:00 -0300", "09. 00:00 -0300"]


def test_where_half_an_hour_is_skipped_the_rest_of_the_hour_is_there() -> None:
    assert local("0 2 * * *", "Australia/Lord_Howe", "2030-10-05T12:00", 2) == ["06. 02:30 +1100", "07. 02:00 +1100"]
    assert local("*/15 2 * * *", "Australia/Lord_Howe", "2030-10-05T12:00", 2) == [
        "06. 02:30 +1100",
        "06. 02:45 +1100",
    ]


@pytest.mark.parametrize("text", ["0 9 * * *", "0 9,10 * * *", "0 */2 * * *"])
def test_a_date_that_does_not_exist_is_made_up_for_at_its_end(text: str) -> None:
    first, second = local(text, "Pacific/Apia", "2011-12-29T23:00", 2)
    assert (first, second[:3]) == ("31. 00:00 +1400", "31.")


def test_leap_days_and_the_ends_of_years_are_met() -> None:
    assert local("0 0 29 2 *", "UTC", "2096-01-01", 3) == ["29. 00:00 +0000"] * 3
    assert local("59 23 31 12 *", "Europe/London", "2030-12-31T23:58", 2) == ["31. 23:59 +0000"] * 2
