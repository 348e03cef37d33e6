from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from perdure.cli.arguments import parse_duration, parse_instant, parse_members, payload_text
from perdure.errors import InvalidArgumentError


def test_members_are_texts_or_json() -> None:
    given = ["a=1", "b:=1", "c=x=y", "d:=[1, {}]", "e=", "f=:=", "g:h=i", "⏰=☕"]
    assert parse_members(given) == {
        "a": "1", "b": 1, "c": "x=y", "d": [1, {}], "e": "", "f": ":=", "g:h": "i", "⏰": "☕",
    }  # fmt: skip


def test_a_file_without_an_end_is_not_read_to_it() -> None:
    with pytest.raises(InvalidArgumentError, match="/dev/zero has more than"):
        payload_text([], "@/dev/zero")


@pytest.mark.parametrize("text", ["a", "=1", ":=1", "", "a:1", "b:=", "b:=x", "b:=Infinity", 'b:={"a": 1, "a": 2}'])
def test_what_is_no_member_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="="):
        parse_members([text])


def test_a_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="UTF-8"):
        parse_members(["a=\udcff"])


def test_a_whole_payload_takes_no_members() -> None:
    with pytest.raises(InvalidArgumentError, match="a=1"):
        payload_text(["a=1"], "{}")


def test_a_payload_keeps_every_digit() -> None:
    assert payload_text((), "12345678901234567890.10") == "12345678901234567890.10"
    assert payload_text(["n:=12345678901234567890123"], None) == '{"n":12345678901234567890123}'


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        ("2.5s", timedelta(seconds=2.5)),
        ("200ms", timedelta(milliseconds=200)),
        ("3600", timedelta(hours=1)),
        ("0", timedelta()),
    ],
)
def test_lengths_of_time_are_read(text: str, length: timedelta) -> None:
    assert parse_duration(text, "--after") == length


@pytest.mark.parametrize("text", ["", "-1s", "1w", "1h30m", "1e3", "soon", "99999999999", "36526d", "inf", "1 s"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="--after"):
        parse_duration(text, "--after")


def test_instants_are_read_with_their_time_zone() -> None:
    assert parse_instant("2027-01-31T09:00:00+01:00", "--at") == datetime(2027, 1, 31, 8, tzinfo=UTC)
    assert parse_instant("2027-01-31T09:00Z", "--at") == datetime(2027, 1, 31, 9, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "tomorrow", "2027-01-31", "2027-01-31T09:00", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="--at"):
        parse_instant(text, "--at")
