from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.protocol.reset_times import ResetFormat, parse_reset_time

NOW = datetime(2024, 2, 28, 23, 0, tzinfo=UTC)
DURATION = ResetFormat.ISO_8601_DURATION_OPENAI_VARIANT


@pytest.mark.parametrize(
    ("text", "format", "expected"),
    [
        ("1704067200", ResetFormat.UNIX_TIMESTAMP, datetime(2024, 1, 1, tzinfo=UTC)),
        (" 1704067200.9 ", ResetFormat.UNIX_TIMESTAMP, datetime(2024, 1, 1, tzinfo=UTC)),
        ("1704067200123", ResetFormat.UNIX_TIMESTAMP_IN_MS, datetime(2024, 1, 1, 0, 0, 0, 123000, tzinfo=UTC)),
        ("2024-01-01T00:00:00.000Z", ResetFormat.ISO_8601, datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-01-01T02:00:00+02:00", ResetFormat.ISO_8601, datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-01-01", ResetFormat.ISO_8601, datetime(2024, 1, 1, tzinfo=UTC)),
        ("6m59s", DURATION, NOW + timedelta(minutes=6, seconds=59)),
        ("1d22h8m1s", DURATION, NOW + timedelta(days=1, hours=22, minutes=8, seconds=1)),
        ("3h36m7.312s", DURATION, NOW + timedelta(hours=3, minutes=36, seconds=7, milliseconds=312)),
        ("72ms", DURATION, NOW + timedelta(milliseconds=72)),
        ("1s5ms", DURATION, NOW + timedelta(milliseconds=1005)),
    ],
)
def test_a_reset_header_names_an_instant(text: str, format: ResetFormat, expected: datetime) -> None:
    found = parse_reset_time(text, format=format, now=NOW)
    assert found == expected
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "format"),
    [
        (None, ResetFormat.UNIX_TIMESTAMP),
        ("", DURATION),
        ("soon", ResetFormat.UNIX_TIMESTAMP),
        ("12abc", ResetFormat.UNIX_TIMESTAMP),
        ("9" * 30, ResetFormat.UNIX_TIMESTAMP),
        ("9" * 5000, ResetFormat.UNIX_TIMESTAMP_IN_MS),
        ("٣", ResetFormat.UNIX_TIMESTAMP),
        ("tomorrow", ResetFormat.ISO_8601),
        ("2024-13-01", ResetFormat.ISO_8601),
        ("0001-01-01T00:00:00+23:00", ResetFormat.ISO_8601),
        ("5s6m", DURATION),
        ("1.5m", DURATION),
        ("5", DURATION),
        ("-5s", DURATION),
        ("x5s", DURATION),
        ("9" * 20 + "d", DURATION),
        ("9" * 400 + "s", DURATION),
    ],
)
def test_what_cannot_be_read_means_no_retry(text: str | None, format: ResetFormat) -> None:
    assert parse_reset_time(text, format=format, now=NOW) is None


@given(st.text(max_size=20), st.sampled_from(ResetFormat))
def test_any_text_is_read_or_not(text: str, format: ResetFormat) -> None:
    found = parse_reset_time(text, format=format, now=NOW)
    assert found is None or found.tzinfo is UTC
