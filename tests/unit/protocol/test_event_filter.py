from __future__ import annotations

import copy
import os
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.errors import InvalidFilterError
from perdure.protocol.event_filter import compile_event_filter, merge_filters

ABSENT = object()
PROVING = bool(os.environ.get("PERDURE_PROVE"))


def matches(filter: object, value: object) -> bool:
    return compile_event_filter(filter).matches(value)


@pytest.mark.parametrize("value", [None, {}, {"a": 1}, [], "text", 0])
def test_an_empty_filter_matches_everything(value: object) -> None:
    assert matches({}, value)


@pytest.mark.parametrize("filter", [{"a": []}, {"a": ["x"]}, {"a": {}}, {"a": [{"$exists": False}]}])
def test_null_matches_only_an_empty_filter(filter: object) -> None:
    assert not matches(filter, None)


@pytest.mark.parametrize(
    ("matchers", "value", "expected"),
    [
        # An empty list matches anything; a plain list one of its values, without coercion.
        ([], {"a": object()}, True),
        ([], {}, True),
        (["x", "y"], {"a": "y"}, True),
        (["x", "y"], {"a": "z"}, False),
        (["x"], {}, False),
        (["x"], {"a": None}, False),
        (["x"], {"a": ["x"]}, False),
        (["x"], {"a": {"x": 1}}, False),
        (["1"], {"a": 1}, False),
        ([1], {"a": "1"}, False),
        ([1], {"a": 1.0}, True),
        ([1, 2], {"a": True}, False),
        ([True], {"a": 1}, False),
        ([True, False], {"a": False}, True),
        (["X"], {"a": "x"}, False),
        # Content matchers, in the order of the table.
        ([{"$endsWith": ".png"}], {"a": "b.png"}, True),
        ([{"$endsWith": ".png"}], {"a": "b.PNG"}, False),
        ([{"$endsWith": ""}], {"a": 5}, False),
        ([{"$startsWith": "b"}], {"a": "b.png"}, True),
        ([{"$startsWith": "b"}], {}, False),
        ([{"$anythingBut": "x"}], {"a": "y"}, True),
        ([{"$anythingBut": "x"}], {"a": "x"}, False),
        ([{"$anythingBut": "x"}], {}, True),
        ([{"$anythingBut": 1}], {"a": True}, True),
        ([{"$anythingBut": ["x", "y"]}], {"a": "y"}, False),
        ([{"$anythingBut": ["x", "y"]}], {"a": ["y"]}, True),
        ([{"$anythingBut": []}], {"a": "y"}, True),
        ([{"$exists": True}], {"a": None}, True),
        ([{"$exists": True}], {}, False),
        ([{"$exists": False}], {"a": None}, False),
        ([{"$exists": False}], {}, True),
        ([{"$gt": 5}], {"a": 5.1}, True),
        ([{"$gt": 5}], {"a": 5}, False),
        ([{"$gt": 5}], {"a": "6"}, False),
        ([{"$gt": 0}], {"a": True}, False),
        ([{"$lt": 5}], {"a": 4}, True),
        ([{"$lt": 5}], {"a": 5}, False),
        ([{"$gte": 5}], {"a": 5}, True),
        ([{"$gte": 2**64}], {"a": 2**64 - 1}, False),
        ([{"$lt": 10**400}], {"a": 1.5}, True),
        ([{"$lte": 5}], {"a": 5}, True),
        ([{"$lte": 5}], {"a": None}, False),
        ([{"$between": [1, 3]}], {"a": 1}, True),
        ([{"$between": [1, 3]}], {"a": 3}, True),
        ([{"$between": [1, 3]}], {"a": 3.1}, False),
        ([{"$between": [1, 3]}], {"a": "2"}, False),
        ([{"$includes": "x"}], {"a": ["y", "x"]}, True),
        ([{"$includes": "x"}], {"a": "xyz"}, False),
        ([{"$includes": 1}], {"a": [True, "1"]}, False),
        ([{"$ignoreCaseEquals": "ÉCOLE"}], {"a": "école"}, True),
        ([{"$ignoreCaseEquals": "e"}], {"a": "é"}, False),
        ([{"$ignoreCaseEquals": "1"}], {"a": 1}, False),
        ([{"$isNull": True}], {"a": None}, True),
        ([{"$isNull": True}], {}, False),
        ([{"$isNull": False}], {"a": 0}, True),
        ([{"$isNull": False}], {}, True),
        ([{"$isNull": False}], {"a": None}, False),
        ([{"$not": "x"}], {"a": "y"}, True),
        ([{"$not": "x"}], {"a": "x"}, False),
        ([{"$not": "x"}], {"a": ["y"]}, True),
        ([{"$not": "x"}], {"a": ["y", "x"]}, False),
        ([{"$not": "x"}], {}, False),
        ([{"$not": "x"}], {"a": None}, False),
        ([{"$not": "x"}], {"a": {}}, False),
        # All objects of a list, and all operators of an object, must hold.
        ([{"$startsWith": "a"}, {"$endsWith": "z"}], {"a": "a-z"}, True),
        ([{"$startsWith": "a"}, {"$endsWith": "z"}], {"a": "a-y"}, False),
        ([{"$gt": 1, "$lt": 5}], {"a": 3}, True),
        ([{"$gt": 1, "$lt": 5}], {"a": 7}, False),
    ],
)
def test_a_list_of_matchers_decides(matchers: object, value: object, expected: bool) -> None:
    assert matches({"a": matchers}, value) is expected
    assert matches({"outer": {"a": matchers}}, {"outer": value}) is expected


def test_every_key_must_match() -> None:
    filter = {"a": ["x"], "b": [1]}
    assert matches(filter, {"a": "x", "b": 1, "c": None})
    assert not matches(filter, {"a": "x", "b": 2})
    assert not matches(filter, {"b": 1})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"items": [{"sku": "b"}, {"sku": "a"}]}, True),
        ({"items": [{"sku": "b"}]}, False),
        ({"items": []}, False),
        ({"items": {"sku": "a"}}, True),
        ({"items": [[{"sku": "a"}]]}, False),
        ({"items": "a"}, False),
        ({"items": None}, False),
        ({}, False),
        ([{"items": {"sku": "a"}}], False),
    ],
)
def test_a_nested_filter_needs_one_element_of_an_array(value: object, expected: bool) -> None:
    assert matches({"items": {"sku": ["a"]}}, value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [({}, True), ({"a": None}, True), ({"a": 1}, True), ({"a": [None]}, True), ({"a": []}, False)],
)
def test_an_empty_nested_filter_matches_what_is_missing(value: object, expected: bool) -> None:
    assert matches({"a": {}}, value) is expected


@pytest.mark.parametrize(
    ("filter", "place"),
    [
        (None, "filter"),
        ([], "filter"),
        ("x", "filter"),
        ({1: ["x"]}, "filter"),
        ({"a": "x"}, "filter.a"),
        ({"a": None}, "filter.a"),
        ({"a": 1}, "filter.a"),
        ({"a": {"$gt": 5}}, "filter.a.$gt"),
        ({"a": [1, "x"]}, "filter.a"),
        ({"a": [1, True]}, "filter.a"),
        ({"a": [float("nan")]}, "filter.a"),
        ({"a": [None]}, "filter.a[0]"),
        ({"a": [["x"]]}, "filter.a[0]"),
        ({"a": [{"$gt": 1}, "x"]}, "filter.a[1]"),
        ({"a": [{}]}, "filter.a[0]"),
        ({"a": [{"$regex": "(a+)+$"}]}, "filter.a[0].$regex"),
        ({"a": [{"$gt": 1, "b": 2}]}, "filter.a[0].b"),
        ({"a": [{"$between": [5]}]}, "filter.a[0].$between"),
        ({"a": [{"$between": ["1", 2]}]}, "filter.a[0].$between[0]"),
        ({"a": [{"$between": "ab"}]}, "filter.a[0].$between"),
        ({"a": [{"$gt": "5"}]}, "filter.a[0].$gt"),
        ({"a": [{"$gt": True}]}, "filter.a[0].$gt"),
        ({"a": [{"$lt": None}]}, "filter.a[0].$lt"),
        ({"a": [{"$gte": float("inf")}]}, "filter.a[0].$gte"),
        ({"a": [{"$lte": [1]}]}, "filter.a[0].$lte"),
        ({"a": [{"$startsWith": 1}]}, "filter.a[0].$startsWith"),
        ({"a": [{"$endsWith": None}]}, "filter.a[0].$endsWith"),
        ({"a": [{"$ignoreCaseEquals": ["x"]}]}, "filter.a[0].$ignoreCaseEquals"),
        ({"a": [{"$exists": 1}]}, "filter.a[0].$exists"),
        ({"a": [{"$isNull": "true"}]}, "filter.a[0].$isNull"),
        ({"a": [{"$includes": None}]}, "filter.a[0].$includes"),
        ({"a": [{"$not": ["x"]}]}, "filter.a[0].$not"),
        ({"a": [{"$anythingBut": {"x": 1}}]}, "filter.a[0].$anythingBut"),
        ({"a": [{"$anythingBut": [1, "x"]}]}, "filter.a[0].$anythingBut"),
        ({"a": [{"$anythingBut": [None]}]}, "filter.a[0].$anythingBut"),
        ({"b c": {"d": ["x", 1]}}, "filter['b c'].d"),
    ],
)
def test_a_wrong_filter_is_refused_where_it_is_declared(filter: object, place: str) -> None:
    with pytest.raises(InvalidFilterError) as caught:
        compile_event_filter(filter)
    assert caught.value.message.split(": ", 1)[0] == place


@pytest.mark.parametrize(
    ("filter", "value", "expected", "warned"),
    [
        ({"a": [{"$gt": 1}, "x", 5]}, {"a": 7}, True, ["filter.a[1]", "filter.a[2]"]),
        ({"a": [{"$gt": 1}, "x", 5]}, {"a": 1}, False, ["filter.a[1]", "filter.a[2]"]),
        ({"a": [{"$regex": "x", "$gt": 1}]}, {"a": 0}, False, ["filter.a[0].$regex"]),
        ({"a": [{}]}, {"a": 0}, True, ["filter.a[0]"]),
        ({"a": ["x"]}, {"a": "x"}, True, []),
        ({"a": [{"$gt": 1, "$lt": 5}]}, {"a": 7}, False, []),
    ],
)
def test_a_lenient_filter_keeps_its_v2_meaning_and_warns(
    filter: object, value: object, expected: bool, warned: list[str]
) -> None:
    compiled = compile_event_filter(filter, lenient=True)
    assert compiled.matches(value) is expected
    assert [warning.split(": ", 1)[0] for warning in compiled.warnings] == warned


@pytest.mark.parametrize(
    "filter",
    [
        {"a": [{"$gt": "5"}]},
        {"a": "x"},
        [],
        {"a": [{"$between": [5]}]},
        {"a": [1, "x"]},
        {"a": [{"$regex": "(a+)+$"}]},
    ],
)
def test_a_lenient_filter_with_wrong_operands_is_refused_all_the_same(filter: object) -> None:
    with pytest.raises(InvalidFilterError):
        compile_event_filter(filter, lenient=True)


def nest(levels: int) -> dict[str, Any]:
    filter: dict[str, Any] = {"x": [1]}
    for _ in range(levels - 1):
        filter = {"x": filter}
    return filter


def test_sixteen_levels_are_allowed_and_seventeen_are_not() -> None:
    value: object = 1
    for _ in range(16):
        value = {"x": value}
    assert matches(nest(16), value)
    with pytest.raises(InvalidFilterError, match="nested more than 16 deep"):
        compile_event_filter(nest(17))


def test_a_filter_that_contains_itself_is_refused() -> None:
    filter: dict[str, Any] = {}
    filter["again"] = filter
    with pytest.raises(InvalidFilterError, match="deep"):
        compile_event_filter(filter)


def test_five_hundred_conditions_are_allowed_and_more_are_not() -> None:
    compile_event_filter({f"k{n}": ["x"] for n in range(500)})
    compile_event_filter({"id": [f"user {n}" for n in range(10_000)]})
    with pytest.raises(InvalidFilterError, match="more than 500 conditions"):
        compile_event_filter({f"k{n}": ["x"] for n in range(501)})
    with pytest.raises(InvalidFilterError, match="more than 500 conditions"):
        compile_event_filter({"a": [{"$not": "x"}] * 500})


def test_a_filter_is_compiled_once_and_later_changes_do_not_reach_it() -> None:
    filter = {"a": ["x"]}
    compiled = compile_event_filter(filter)
    filter["a"].append("y")
    assert not compiled.matches({"a": "y"})


def test_matching_is_linear_in_the_value() -> None:
    compiled = compile_event_filter({"a": {"b": {"c": [{"$includes": "x"}]}}})
    value = {"a": [{"b": [{"c": ["y"] * 100}] * 100}] * 100}
    started = time.process_time()
    assert not compiled.matches(value)
    # A million comparisons; generous, a quadratic step would take hours.
    assert time.process_time() - started < 10


def test_a_long_text_is_compared_in_no_time() -> None:
    compiled = compile_event_filter({"a": [{"$ignoreCaseEquals": "a" * 60_000 + "!", "$endsWith": "!"}]})
    started = time.process_time()
    assert not compiled.matches({"a": "a" * 60_000})
    assert time.process_time() - started < 1


def test_merged_objects_join_and_everything_else_is_replaced() -> None:
    trigger = {"a": ["x"], "b": {"c": [1], "d": {"e": [True]}}, "f": {"g": [1]}}
    event = {"a": ["y", "z"], "b": {"c": [2], "d": {"h": [False]}}, "f": ["plain"]}
    assert merge_filters(trigger, event) == {
        "a": ["y", "z"],
        "b": {"c": [2], "d": {"e": [True], "h": [False]}},
        "f": ["plain"],
    }
    assert merge_filters() == {}
    assert merge_filters({}, trigger, {}) == trigger


def test_merging_leaves_its_arguments_alone() -> None:
    one, other = {"a": {"b": [1]}}, {"a": {"c": [2]}}
    kept = copy.deepcopy((one, other))
    merge_filters(one, other)
    assert (one, other) == kept


scalars = st.sampled_from(["", "a", "A", "ab", "b", "é", "É"]) | st.integers(-2, 2) | st.sampled_from([0.5, 1.0])
plain = scalars | st.booleans()
names = st.sampled_from(["a", "b", "length", "0", "$gt"])
values = st.recursive(
    plain | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
texts = st.sampled_from(["", "a", "A", "ab", "b", "é", "É"])
numbers = st.integers(-2, 2) | st.sampled_from([0.5, 1.0])
one_kind = st.lists(texts, max_size=3) | st.lists(numbers, max_size=3) | st.lists(st.booleans(), max_size=2)
operators = {
    "$endsWith": texts,
    "$startsWith": texts,
    "$anythingBut": plain | one_kind,
    "$exists": st.booleans(),
    "$gt": numbers,
    "$lt": numbers,
    "$gte": numbers,
    "$lte": numbers,
    "$between": st.tuples(numbers, numbers).map(list),
    "$includes": plain,
    "$ignoreCaseEquals": texts,
    "$isNull": st.booleans(),
    "$not": plain,
}
operator_objects = st.lists(st.sampled_from(sorted(operators)), min_size=1, max_size=3, unique=True).flatmap(
    lambda chosen: st.fixed_dictionaries({name: operators[name] for name in chosen})
)
filters = st.recursive(
    st.dictionaries(names, one_kind | st.lists(operator_objects, max_size=2), max_size=3),
    lambda inner: st.dictionaries(names, inner | one_kind | st.lists(operator_objects, max_size=2), max_size=3),
    max_leaves=5,
)


@settings(max_examples=10_000 if PROVING else 400)
@given(filters, values)
def test_compiled_and_naive_evaluation_agree(filter: dict[str, Any], value: Any) -> None:
    assert compile_event_filter(filter).matches(value) is naive(filter, value)


@given(filters, values)
def test_a_strict_filter_means_the_same_when_lenient(filter: dict[str, Any], value: Any) -> None:
    lenient = compile_event_filter(filter, lenient=True)
    assert lenient.warnings == ()
    assert lenient.matches(value) is compile_event_filter(filter).matches(value)


anything = st.recursive(
    plain | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.sampled_from(sorted(operators)), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=5_000 if PROVING else 200)
@given(st.dictionaries(names, anything, max_size=3), values, st.booleans())
def test_any_json_is_compiled_or_refused(filter: dict[str, Any], value: Any, lenient: bool) -> None:
    try:
        compiled = compile_event_filter(filter, lenient=lenient)
    except InvalidFilterError:
        return
    assert compiled.matches(value) in (True, False)


def same(one: Any, other: Any) -> bool:
    """Compare as JavaScript's ``===`` does, for scalars."""
    kinds = [
        bool if isinstance(side, bool) else float if isinstance(side, (int, float)) else type(side)
        for side in (one, other)
    ]
    return kinds[0] is kinds[1] and kinds[0] in (bool, float, str) and one == other


def naive(filter: dict[str, Any], value: Any) -> bool:
    """Evaluate a valid filter straight from the tables of the v2 protocol, section 12.1."""
    if value is None or value is ABSENT:
        return filter == {}
    results = []
    for key, pattern in filter.items():
        found = value.get(key, ABSENT) if isinstance(value, dict) else ABSENT
        if isinstance(pattern, dict) and isinstance(found, list):
            results.append(any(naive(pattern, item) for item in found))
        elif isinstance(pattern, dict):
            results.append(naive(pattern, found))
        elif pattern == []:
            results.append(True)
        elif isinstance(pattern[0], dict):
            results.append(
                all(naive_operator(name, operand, found) for item in pattern for name, operand in item.items())
            )
        else:
            results.append(any(same(found, item) for item in pattern))
    return all(results)


def naive_operator(name: str, operand: Any, found: Any) -> bool:
    number = isinstance(found, (int, float)) and not isinstance(found, bool)
    match name:
        case "$endsWith":
            return (
                isinstance(found, str) and found[len(found) - len(operand) :] == operand and len(found) >= len(operand)
            )
        case "$startsWith":
            return isinstance(found, str) and found[: len(operand)] == operand
        case "$anythingBut":
            return not any(same(found, item) for item in (operand if isinstance(operand, list) else [operand]))
        case "$exists":
            return operand == (found is not ABSENT)
        case "$gt":
            return number and found > operand
        case "$lt":
            return number and found < operand
        case "$gte":
            return number and found >= operand
        case "$lte":
            return number and found <= operand
        case "$between":
            return number and found >= operand[0] and found <= operand[1]
        case "$includes":
            return isinstance(found, list) and any(same(item, operand) for item in found)
        case "$ignoreCaseEquals":
            return isinstance(found, str) and found.lower() == operand.lower()
        case "$isNull":
            return operand == (found is None)
        case "$not" if isinstance(found, list):
            return not any(same(item, operand) for item in found)
        case "$not":
            return isinstance(found, (str, int, float)) and not same(found, operand)
    raise AssertionError(name)
