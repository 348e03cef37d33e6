"""The one value of a filter by which waits are found: it never hides a wait from its event."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import InvalidFilterError
from perdure.protocol.event_filter import compile_event_filter
from perdure.protocol.filter_keys import NO_KEY, filter_key, values_at

NAMES = st.sampled_from(["a", "b", "cut \ud83d"])
PLAIN = st.one_of(
    st.sampled_from(["x", "y", "1", "", "cut \ud83d"]), st.sampled_from([0, 1, 2]), st.sampled_from([1.0, 0.5, True])
)
MATCHERS = st.one_of(
    st.lists(PLAIN, max_size=2),
    st.just([{"$exists": True}]),
    st.just([{"$gt": 0}]),
)
FILTERS = st.recursive(
    st.dictionaries(NAMES, MATCHERS, max_size=2), lambda inner: st.dictionaries(NAMES, inner | MATCHERS, max_size=2)
)
PAYLOADS = st.recursive(
    PLAIN | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=8,
)


@given(FILTERS, PAYLOADS)
def test_a_payload_that_a_filter_lets_pass_holds_its_value_at_its_place(filter: dict[str, Any], payload: Any) -> None:
    try:
        compiled = compile_event_filter(filter)
    except InvalidFilterError:
        return
    path, value = filter_key(filter)
    assert (path + value).encode().decode() == path + value
    if (path, value) != NO_KEY and compiled.matches(payload):
        assert value in values_at(path, payload)


@pytest.mark.parametrize(
    ("filter", "path", "value"),
    [
        ({"id": ["u1"]}, '["id"]', "su1"),
        ({"id": [7]}, '["id"]', "n7"),
        ({"id": [7.0]}, '["id"]', "n7"),
        ({"n": [{"$gt": 1}], "order": {"id": ["A1"]}}, '["order","id"]', "sA1"),
        ({"is_admin": [True], "id": ["u1", "u2"]}, "", ""),
        ({}, "", ""),
    ],
)
def test_a_filter_is_found_by_its_first_single_text_or_whole_number(
    filter: dict[str, Any], path: str, value: str
) -> None:
    assert filter_key(filter) == (path, value)


def test_values_are_listed_once_also_from_lists() -> None:
    payload = {"items": [{"id": "a"}, {"id": ["b", "a"]}, {"id": None}, {}, 3]}
    assert values_at('["items","id"]', payload) == ["sa", "sb"]


def test_values_with_halves_of_surrogate_pairs_are_text_that_a_database_holds_and_stay_apart() -> None:
    halves = ["cut \ud83d", "cut \ud83e", "cut \\ud83d", "cut \ufffd"]
    found = [filter_key({"cut \ud83d": [one]}) for one in halves]
    assert len(set(found)) == len(halves)
    for (path, value), one in zip(found, halves, strict=True):
        assert values_at(path, {"cut \ud83d": one}) == [value]
        assert f"{path}{value}".encode().decode() == f"{path}{value}"
