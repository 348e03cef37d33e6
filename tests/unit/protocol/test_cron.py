from __future__ import annotations

import string
from datetime import date, datetime
from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import CronNeverFiresError, InvalidArgumentError, InvalidCronError
from perdure.protocol.cron import parse_cron
from tests.unit.protocol.wall_clock import PlainCron

AT_ONCE = 1.0
"""Of processor time, in seconds: to try every minute of decades takes many times as much."""


@pytest.mark.parametrize(
    ("text", "minutes", "hours"),
    [
        ("5 4 * * *", (5,), (4,)),
        ("05 004 * * *", (5,), (4,)),
        ("*/20 */8 * * *", (0, 20, 40), (0, 8, 16)),
        ("50/5 22/1 * * *", (50, 55), (22, 23)),
        ("10-20/5 1-3 * * *", (10, 15, 20), (1, 2, 3)),
        ("3-3/2 23-23 * * *", (3,), (23,)),
        ("59,1,1,0-2 0,12 * * *", (0, 1, 2, 59), (0, 12)),
        ("*/90 * * * *", (0,), tuple(range(24))),
    ],
)
def test_minutes_and_hours_are_numbers_ranges_steps_and_lists(
    text: str, minutes: tuple[int, ...], hours: tuple[int, ...]
) -> None:
    cron = parse_cron(text)
    assert (cron.minutes, cron.hours) == (minutes, hours)


@pytest.mark.parametrize(
    ("weekday", "days"),
    [
        ("0", {0}),
        ("7", {0}),
        ("SUN", {0}),
        ("mon-Fri", {1, 2, 3, 4, 5}),
        ("MON-SUN", {0, 1, 2, 3, 4, 5, 6}),
        ("SUN-SAT", {0, 1, 2, 3, 4, 5, 6}),
        ("SUN-SUN", {0}),
        ("6-7", {6, 0}),
        ("SAT-SUN,WED", {6, 0, 3}),
        ("5/1", {5, 6, 0}),
        ("*/2", {0, 2, 4, 6}),
    ],
)
def test_a_week_has_sundays_at_both_ends(weekday: str, days: set[int]) -> None:
    assert parse_cron(f"0 0 * * {weekday}").weekdays == days


def test_months_have_names() -> None:
    assert parse_cron("0 0 1 JAN-mar,Dec *").months == {1, 2, 3, 12}


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("0 0 13 * FRI", {4, 11, 13, 18, 25}),
        ("0 0 13 * *", {13}),
        ("0 0 * * FRI", {4, 11, 18, 25}),
        ("0 0 */2 * FRI", {11, 25}),
        ("0 0 1-15 * */5", {4, 6, 11, 13}),
    ],
)
def test_one_of_two_kinds_of_day_must_match_or_both_if_one_begins_with_a_star(text: str, fires: set[int]) -> None:
    cron = parse_cron(text)
    assert {day for day in range(1, 31) if cron.falls_on(date(2026, 9, day))} == fires


@pytest.mark.parametrize(
    ("text", "is_fixed"),
    [("0 0 * * *", True), ("0,30 1,2 */2 1-3 *", True), ("* 0 * * *", False), ("0 1-2 * * *", False),
     ("0/30 0 * * *", False), ("0 */2 * * *", False)],
)  # fmt: skip
def test_numbers_and_lists_of_them_are_fixed_times(text: str, is_fixed: bool) -> None:
    assert parse_cron(text).is_fixed is is_fixed


@pytest.mark.parametrize(
    "text",
    [
        "", "* * * *", "* * * * * *", "0 0 12 * * *", "*/0 * * * *", "61 * * * *", "* 24 * * *", "* * 0 * *",
        "* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 8", "@reboot", "@daily", "* * L * *", "* * LW * *",
        "* * * * 5L", "* * * * 5#2", "* * 15W * *", "? * * * *", "-1 * * * *", "5-1 * * * *", "1- * * * *",
        "1,,2 * * * *", ", * * * *", "*-5 * * * *", "**  * * * *", "*/ * * * *", "*/* * * * *", "1/2/3 * * * *",
        "1-2-3 * * * *", "MON * * * *", "* * * FEB-JAN *", "* * * * FRI-TUE", "* * * * MONDAY", "1.5 * * * *",
        "١ * * * *", "* * * * ſUN", "1 * * * *\x00", "1\n* * * *",
        "1 *\x1c* * *", "1 " * 1024, "0" * 2048, f"{'1,' * 300}1 * * * *",
    ],
)  # fmt: skip
def test_what_is_no_cron_is_refused(text: str) -> None:
    with pytest.raises(InvalidCronError) as caught:
        parse_cron(text)
    assert caught.value.code == "invalid_cron"
    assert isinstance(caught.value, InvalidArgumentError)
    assert len(caught.value.message) < 350


@pytest.mark.parametrize("text", [None, 5, b"* * * * *", ["* * * * *"], object()])
def test_what_is_no_text_is_refused(text: Any) -> None:
    with pytest.raises(InvalidCronError, match="A cron is text"):
        parse_cron(text)


def test_the_refusal_names_the_field() -> None:
    with pytest.raises(InvalidCronError, match="The hour of the cron '0 25 \\* \\* \\*' is '25'"):
        parse_cron("0 25 * * *")


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "* * 31 feb */2", "0 0 30,31 2 *"])
def test_a_cron_that_never_fires_is_refused_at_once(text: str) -> None:
    begun = thread_time()
    with pytest.raises(CronNeverFiresError) as caught:
        parse_cron(text)
    assert thread_time() - begun < AT_ONCE
    assert caught.value.code == "cron_never_fires"


def at(wall: str) -> datetime:
    return datetime.fromisoformat(wall)


def test_with_a_day_of_the_week_any_cron_fires() -> None:
    assert parse_cron("0 0 31 2 MON").after(at("2030-01-01T00:00")) == at("2030-02-04T00:00")


def test_the_next_minute_is_later_than_the_one_at_hand() -> None:
    cron = parse_cron("30 4 * * *")
    assert cron.after(at("2030-01-01T04:29:59.999999")) == at("2030-01-01T04:30")
    assert cron.after(at("2030-01-01T04:30")) == at("2030-01-02T04:30")
    assert cron.at_or_after(at("2030-01-01T04:30")) == at("2030-01-01T04:30")
    assert cron.at_or_after(at("2030-01-01T04:30:01")) == at("2030-01-02T04:30")


def test_the_rarest_cron_is_found_at_once() -> None:
    cron = parse_cron("0 0 29 2 */7")
    begun = thread_time()
    assert cron.after(at("2088-03-01T00:00")) == at("2128-02-29T00:00")
    assert thread_time() - begun < AT_ONCE


@given(st.text(alphabet=string.digits + "*/,- \tLW#?JANMOSUN@", max_size=40))
def test_any_text_is_a_cron_that_fires_or_is_refused(text: str) -> None:
    try:
        cron = parse_cron(text)
    except (InvalidCronError, CronNeverFiresError):
        return
    found = cron.after(at("2030-06-01T00:00"))
    assert found is not None
    plain = PlainCron(text)
    assert plain.falls_on(found.date())
    assert found.hour * 60 + found.minute in plain.times
