from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import CronNeverFiresError, InvalidArgumentError, InvalidCronError
from perdure.protocol.schedules import CronTiming, IntervalTiming, Timing, check_timing
from perdure.protocol.time_zones import find_zone

START = datetime(2030, 1, 1, tzinfo=UTC)
TIMINGS: list[Timing] = [
    IntervalTiming(20),
    IntervalTiming(2_592_000),
    CronTiming("* * * * *"),
    CronTiming("*/7 9-17 * * MON-FRI", "America/New_York"),
    CronTiming("0 0 * * *", "America/Santiago"),
    CronTiming("30 2 31 3,10 *", "Europe/London"),
]


def test_the_first_tick_of_an_interval_is_one_interval_after_its_anchor() -> None:
    hourly = IntervalTiming(3600)
    assert hourly.first(anchor=START, after=START) == START + timedelta(hours=1)
    assert hourly.first(anchor=START, after=START + timedelta(minutes=59)) == START + timedelta(hours=1)
    assert hourly.first(anchor=START, after=START + timedelta(hours=1)) == START + timedelta(hours=2)
    assert hourly.first(anchor=START, after=START - timedelta(minutes=90)) == START - timedelta(hours=1)


@given(
    st.sampled_from(TIMINGS),
    st.timedeltas(timedelta(), timedelta(days=1500)).map(lambda passed: START + passed),
    st.timedeltas(timedelta(), timedelta(days=900)),
)
def test_the_last_tick_is_the_one_whose_successor_is_too_late(timing: Timing, at: datetime, more: timedelta) -> None:
    tick = timing.first(anchor=START, after=at)
    assert tick is not None
    until = tick + more
    last = timing.last(tick=tick, until=until)
    following = timing.following(last)
    assert tick <= last <= until
    assert following is not None
    assert following > until
    assert last == tick or timing.first(anchor=tick, after=last - timedelta(microseconds=1)) == last


@pytest.mark.parametrize("timing", TIMINGS)
def test_a_timing_that_makes_sense_is_taken(timing: Timing) -> None:
    check_timing(timing)


@pytest.mark.parametrize(
    ("timing", "error"),
    [
        (IntervalTiming(19), InvalidArgumentError),
        (IntervalTiming(-1), InvalidArgumentError),
        (IntervalTiming(2_592_001), InvalidArgumentError),
        (CronTiming("* * * *"), InvalidCronError),
        (CronTiming("0 0 30 2 *"), CronNeverFiresError),
        (CronTiming("0 0 * * *", "Nowhere"), InvalidArgumentError),
    ],
)
def test_a_timing_that_makes_none_is_refused(timing: Timing, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_timing(timing)


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+5", "US/Eastern", "GMT"]
)
def test_zones_are_found_by_their_names(name: str) -> None:
    assert START.astimezone(find_zone(name)) == START


@pytest.mark.parametrize(
    "name",
    [
        "Mars/Base", "", "utc", "europe/berlin", "Europe", "../../etc/passwd", "/etc/passwd", "Europe/../UTC",
        "Europe/Berlin/", "Europe/Berlin\x00", "\ud800", "tzdata.zi", "posix/UTC", "right/UTC", "localtime", "Factory",
        "x" * 10_000, None, 5, UTC,
    ],
)  # fmt: skip
def test_what_is_no_name_of_a_zone_is_refused(name: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"time zone|timezone=") as caught:
        find_zone(name)
    assert len(caught.value.message) < 300


def test_the_refusal_names_the_nearest_zone() -> None:
    with pytest.raises(InvalidArgumentError, match='Did you mean "Europe/Berlin"'):
        find_zone("Europe/Berln")
