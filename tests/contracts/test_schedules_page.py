"""The page of schedules: what its table says of the nights in which clocks move is what happens."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from perdure.protocol.cron import parse_cron
from perdure.protocol.local_time import next_tick
from tests.contracts.markdown import table_rows
from tests.contracts.tree import ROOT

PAGE = ROOT / "docs" / "concepts" / "schedules.md"
BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = [datetime(2030, 3, 31, tzinfo=BERLIN), datetime(2030, 10, 27, tzinfo=BERLIN)]
CASES = [
    (row[0].strip("`"), night, cell)
    for row in table_rows(PAGE)
    if re.fullmatch(r"`[\d*/,-]+( [\d*/,-]+){4}`", row[0])
    for night, cell in zip(NIGHTS, row[1:], strict=True)
]


def _ticks(cron: str, midnight: datetime) -> list[str]:
    at, end = midnight.astimezone(UTC) - timedelta(seconds=1), midnight + timedelta(days=1)
    found: list[str] = []
    while (tick := next_tick(parse_cron(cron), BERLIN, at)) is not None and tick < end:
        found.append(tick.astimezone(BERLIN).strftime("%H:%M"))
        at = tick
    return found


def test_the_table_has_both_nights() -> None:
    assert len(CASES) >= 12


@pytest.mark.parametrize(("cron", "midnight", "cell"), CASES)
def test_the_table_of_nights_says_when_a_cron_ticks(cron: str, midnight: datetime, cell: str) -> None:
    shown = re.findall(r"\d\d:\d\d", cell)
    ticks = _ticks(cron, midnight)
    assert shown == (ticks[: len(shown)] if cell.endswith("…") else ticks)
