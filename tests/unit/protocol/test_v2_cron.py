"""Crons of v2 clients: what the npm package that v2 read them with says is recorded in ``v2_crons.json``.

Each row is what ``tests/npm/crons/ticks.cjs`` says of an expression; `tests.npm.test_crons` asks it anew.
"""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import CronNeverFiresError, InvalidCronError
from perdure.protocol.limits import CRON_LIMIT
from perdure.protocol.schedules import V2CronTiming, check_timing
from perdure.protocol.v2_cron_text import parse_v2_cron

RECORDED: list[dict[str, Any]] = json.loads(Path(__file__).with_name("v2_crons.json").read_text(encoding="utf-8"))
TICKING = [row for row in RECORDED if not row["error"]]
REFUSED = [row for row in RECORDED if row["error"]]
NEVER = ("Invalid expression, loop limit exceeded", "Invalid explicit day of month definition")
AT_ONCE = 0.05
"""Of processor time, in seconds."""

NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)


def next_ticks(cron: str, after: datetime, count: int) -> list[datetime]:
    timing = V2CronTiming(cron)
    found: list[datetime] = []
    for _ in range(count):
        tick = timing.following(after)
        assert tick is not None
        found.append(after := tick)
    return found


@pytest.mark.parametrize("row", TICKING, ids=lambda row: repr(row["cron"]))
def test_a_cron_of_a_v2_client_ticks_as_it_did_in_v2(row: dict[str, Any]) -> None:
    check_timing(V2CronTiming(row["cron"]))
    ticks = next_ticks(row["cron"], datetime.fromisoformat(row["after"]), len(row["ticks"]))
    assert ticks == [datetime.fromisoformat(tick) for tick in row["ticks"]]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: repr(row["cron"]))
def test_what_was_no_cron_in_v2_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(CronNeverFiresError if row["error"] in NEVER else InvalidCronError) as caught:
        check_timing(V2CronTiming(row["cron"]))
    assert row["ticks"] == []
    assert len(caught.value.message) < 350


def test_the_refusal_names_the_field() -> None:
    with pytest.raises(InvalidCronError, match=r"The second of the cron '60 \* \* \* \* \*' is '60': .* from 0 to 59"):
        parse_v2_cron("60 * * * * *")


@pytest.mark.parametrize("text", ["* " * 32_768, "*," * 32_768, "MON" * 21_845, "9" * 65_536, "\n" * 65_536])
def test_a_text_of_64_kib_is_refused_at_once(text: str) -> None:
    begun = thread_time()
    with pytest.raises(InvalidCronError, match=f"at most {CRON_LIMIT} characters"):
        parse_v2_cron(text)
    assert thread_time() - begun < AT_ONCE


@pytest.mark.parametrize(
    "text", ["*," * 249 + "*", "MON," * 124 + "FRI", "5L," * 166 + "1", "* * *  " + "*/1," * 120 + "1 * *"]
)
def test_the_longest_crons_are_read_at_once(text: str) -> None:
    begun = thread_time()
    parse_v2_cron(text)
    assert thread_time() - begun < AT_ONCE


@pytest.mark.parametrize("cron", ["* * * * * *", "0 0 29 2 *", "0 0 * 2 5#5", "59 59 23 31 12 7", "0 0 L 2 0L"])
def test_the_next_tick_is_found_at_once(cron: str) -> None:
    parse_v2_cron(cron)
    begun = thread_time()
    assert V2CronTiming(cron).following(datetime(2096, 3, 1, tzinfo=UTC)) is not None
    assert thread_time() - begun < AT_ONCE


def test_the_last_of_many_seconds_is_found_at_once() -> None:
    timing = V2CronTiming("*/2 * * * * *")
    until = NEW_YEAR + timedelta(days=10 * 365)
    begun = thread_time()
    assert timing.last(tick=NEW_YEAR, until=until + timedelta(seconds=1.5)) == until
    assert thread_time() - begun < AT_ONCE
    for seconds, last in ((0, 0), (1, 0), (2, 2), (2.5, 2), (3.999, 2), (4, 4)):
        found = timing.last(tick=NEW_YEAR, until=NEW_YEAR + timedelta(seconds=seconds))
        assert found == NEW_YEAR + timedelta(seconds=last)
    each = V2CronTiming("* * * * * *")
    for seconds in range(1, 200):
        until = NEW_YEAR + timedelta(seconds=seconds)
        assert each.last(tick=NEW_YEAR, until=until) == until


FIELDS = st.lists(st.text(alphabet=string.digits + "*/,-L?#", min_size=1, max_size=8), max_size=7).map(" ".join)
TEXTS = st.text(max_size=600) | st.text(alphabet=string.digits + "*/,-L?#@ \tJANMOSUNday", max_size=60) | FIELDS


@given(TEXTS, st.timedeltas(timedelta(days=-20_000), timedelta(days=50_000)))
def test_any_text_is_a_cron_that_fires_later_or_is_refused(text: str, since: timedelta) -> None:
    after = NEW_YEAR + since
    try:
        cron = parse_v2_cron(text)
    except (InvalidCronError, CronNeverFiresError):
        return
    first, second = next_ticks(text, after, 2)
    assert after < first < second
    for tick in (first, second):
        assert tick.microsecond == 0
        assert cron.falls_on(tick.date())
        assert (tick.hour in cron.hours, tick.minute in cron.minutes, tick.second in cron.seconds) == (True,) * 3
