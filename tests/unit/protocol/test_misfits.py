"""Where a value does not fit a type: every place, down to the key."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest
from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.errors import Issue
from perdure.protocol.messages.codec import MessageShapeError, decode_message
from perdure.protocol.messages.instant import Instant
from perdure.protocol.misfits import MOST_ISSUES, MOST_VISITS, find_issues, issue_of


class Email(Struct, tag_field="kind", tag="email", rename="camel"):
    sent_to: str


class Call(Struct, tag_field="kind", tag="call"):
    numbers: list[int]


class Order(Struct, forbid_unknown_fields=True, kw_only=True):
    id: str
    notice: Email | Call | UnsetType = UNSET
    notices: list[Email | Call] | UnsetType = UNSET
    by_name: dict[str, Call] | UnsetType = UNSET
    names: str | list[str] | UnsetType = UNSET
    state: Literal["open", "closed"] | UnsetType = UNSET
    at: Instant | UnsetType | None = UNSET
    anything: Raw | UnsetType = UNSET
    limit: int | Call | UnsetType = UNSET


def places(value: Any, kind: Any = Order) -> dict[str, str]:
    """What is said of a value, by place."""
    with pytest.raises(MessageShapeError) as caught:
        decode_message(msgspec.json.encode(value), kind)
    return {".".join(map(str, issue.path)): issue.message for issue in caught.value.issues}


MISSING = "Object missing required field `{}`"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, {"id": MISSING.format("id")}),
        ({"id": "a", "notice": {"kind": "email"}}, {"notice.sentTo": MISSING.format("sentTo")}),
        ({"id": "a", "notice": {"sentTo": "b"}}, {"notice.kind": MISSING.format("kind")}),
        ({"id": "a", "notice": {"kind": "letter"}}, {"notice.kind": "Invalid value 'letter'"}),
        ({"id": "a", "notices": [{"kind": "call", "numbers": [1, "2"]}]},
         {"notices.0.numbers.1": "Expected `int`, got `str`"}),
        ({"id": "a", "by_name": {"x": {"kind": "call", "numbers": []}, "y.z": {"kind": "call"}}},
         {"by_name.y.z.numbers": MISSING.format("numbers")}),
        ({"id": "a", "names": ["b", 3]}, {"names.1": "Expected `str`, got `int`"}),
        ({"id": "a", "names": 3}, {"names": "Expected `str | array`, got `int`"}),
        ({"id": "a", "state": "lost"}, {"state": "Invalid enum value 'lost'"}),
        ({"id": "a", "at": "soon"}, {"at": "Expected an ISO-8601 date, got 'soon'"}),
        ({"id": "a", "limit": {"kind": "call"}}, {"limit.numbers": MISSING.format("numbers")}),
        ({"id": "a", "more": 1}, {"more": "Object contains unknown field `more`"}),
        ([], {"": "Expected `object`, got `array`"}),
    ],
)  # fmt: skip
def test_a_place_is_named_down_to_the_key(value: Any, expected: dict[str, str]) -> None:
    assert places(value) == expected


def test_every_place_is_named() -> None:
    value = {"notices": [{"kind": "email", "sentTo": 1}, 5], "names": [None], "state": 1, "anything": [{}], "more": 1}
    assert list(places(value)) == ["id", "notices.0.sentTo", "notices.1", "names.0", "state", "more"]


def test_the_sentence_says_the_first_place_and_how_many_more_there_are() -> None:
    with pytest.raises(MessageShapeError) as caught:
        decode_message(b'{"state": 1, "more": 1}', Order)
    assert caught.value.message == (
        "The message has another shape: Object missing required field `id`, at id (and 2 more)."
    )


def test_of_places_without_end_some_are_named() -> None:
    assert len(places(list(range(100_000)), list[str])) == MOST_ISSUES


class Counts(Struct):
    by_number: dict[int, int]
    total: int


def test_a_map_whose_keys_are_numbers_fits() -> None:
    assert places({"by_number": {"1": 1}, "total": "x"}, Counts) == {"total": "Expected `int`, got `str`"}


def test_a_key_that_does_not_fit_is_named_by_its_map() -> None:
    assert places({"by_number": {"x": 1}, "total": 1}, Counts) == {"by_number": "Expected `int`, got `str`"}


class Note(Struct):
    text: str
    more: Raw | UnsetType = UNSET


@pytest.mark.parametrize("note", [{"text": "a"}, {"text": "a", "more": {}}])
def test_of_values_without_end_so_many_are_looked_into_as_take_no_time(note: dict[str, Any]) -> None:
    asked = 0

    def convert(value: object, kind: Any) -> object:
        nonlocal asked
        asked += 1
        return msgspec.convert(value, kind)

    assert find_issues([note] * 100_000 + [{}], list[Note], convert=convert) == []
    assert asked <= MOST_VISITS


def test_the_first_place_is_named_wherever_it_is() -> None:
    value = [{"text": "a"}] * (2 * MOST_VISITS) + [{}]
    assert places(value, list[Note]) == {f"{2 * MOST_VISITS}.text": MISSING.format("text")}


def test_a_key_without_end_is_cut() -> None:
    (place,) = places({"id": "a", "k" * 100_000: 1})
    assert len(place) < 1000


def test_a_value_without_end_is_cut() -> None:
    said = places({"id": "a", "state": "x" * 100_000})["state"]
    assert said.startswith("Invalid enum value 'xxx")
    assert len(said) < 1000


def test_half_a_surrogate_pair_elsewhere_does_not_hide_a_place() -> None:
    with pytest.raises(MessageShapeError) as caught:
        decode_message(b'{"names": "\\ud800", "limit": "x"}', Order)
    assert [issue.path for issue in caught.value.issues] == [("id",), ("limit",)]


def test_what_msgspec_says_is_read_with_its_place() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b'[{"kind": "email"}]', type=list[Email])
    assert issue_of(caught.value) == Issue((0, "sentTo"), MISSING.format("sentTo"))
