from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from perdure.errors import InvalidArgumentError
from perdure.sdk.durations import MAX_SECONDS, instant, seconds_of


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(0, 0.0), (60, 60.0), (0.25, 0.25), (timedelta(minutes=2), 120.0), (timedelta(microseconds=1), 1e-06)],
)
def test_a_duration_is_seconds_or_a_timedelta(given: object, seconds: float) -> None:
    result = seconds_of(given, what="seconds")
    assert result == seconds
    assert type(result) is float


@pytest.mark.parametrize(
    "given", [-1, -0.5, timedelta(seconds=-1), math.nan, math.inf, -math.inf, MAX_SECONDS + 1, timedelta.max, 10**400]
)
def test_a_duration_out_of_range_is_refused(given: object) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^timeout is a duration from 0 to "):
        seconds_of(given, what="timeout")


@pytest.mark.parametrize("given", [True, False, "60", None, [60], datetime(2024, 1, 1, tzinfo=UTC)])
def test_what_is_no_duration_is_refused_by_its_type(given: object) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^timeout is a duration, in seconds or as a timedelta; .+ is a "):
        seconds_of(given, what="timeout")


def test_an_instant_is_given_back_in_utc() -> None:
    result = instant(datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))), what="at")
    assert result == datetime(2024, 1, 1, 10, tzinfo=UTC)
    assert result.tzinfo is UTC


def test_a_naive_datetime_is_refused_because_it_names_no_instant() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^at is a naive datetime, 2024-01-01T00:00:00, .*time zone"):
        instant(datetime(2024, 1, 1), what="at")  # noqa: DTZ001


@pytest.mark.parametrize("given", [0, "2024-01-01T00:00:00Z", None, timedelta(1), datetime(2024, 1, 1).date()])  # noqa: DTZ001
def test_what_is_no_datetime_is_refused(given: object) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^at is an aware datetime; "):
        instant(given, what="at")


def test_an_instant_before_the_first_year_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"outside the years 1 to 9999"):
        instant(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))), what="at")


def test_the_last_instant_there_is_can_be_rounded_up() -> None:
    last = instant(datetime.max.replace(tzinfo=UTC), what="at")
    assert last == datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
