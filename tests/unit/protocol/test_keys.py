from __future__ import annotations

import math
from datetime import datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import InvalidArgumentError
from perdure.protocol.keys import CacheKey, display_key, idempotency_key, key_identity


def digest_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("parent", "key", "hashed"),
    [
        (None, "t1", "run_1::t1"),
        (None, ["k", {"b": 1, "a": 2}, 3], 'run_1::k:{"a":2,"b":1}:3'),
        (None, ["hello", "INFO"], "run_1::hello:INFO"),
        ("task_4", "w1", "run_1:task_4:w1"),
        (None, "⏰", "run_1::⏰"),
        (None, ["a", ["b", ["c"]]], 'run_1::a:["b",["c"]]'),
        (None, ("a", None, True, False), "run_1::a:null:true:false"),
        (None, [{"z": [{"b": "é", "a": None}]}], 'run_1::{"z":[{"a":null,"b":"é"}]}'),
    ],
)
def test_an_idempotency_key_is_the_hash_of_run_parent_and_parts(parent: str | None, key: CacheKey, hashed: str) -> None:
    assert idempotency_key("run_1", parent, key) == digest_of(hashed)


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        (1.0, "1"),
        (-1.0, "-1"),
        (0.0, "0"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (0.1, "0.1"),
        (100.0, "100"),
        (123456.789, "123456.789"),
        (1e16, "10000000000000000"),
        (1e20, "100000000000000000000"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"),
        (1.5e-6, "0.0000015"),
        (1e-7, "1e-7"),
        (-1.25e-9, "-1.25e-9"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (7, "7"),
        (-7, "-7"),
        (2**53, "9007199254740992"),
        (2.0**64, "18446744073709552000"),
    ],
)
def test_numbers_are_printed_as_javascript_prints_them(number: float, printed: str) -> None:
    assert idempotency_key("r", None, ["k", number]) == digest_of(f"r::k:{printed}")
    assert idempotency_key("r", None, ["k", [number]]) == digest_of(f"r::k:[{printed}]")


def test_integers_that_javascript_would_round_keep_every_digit() -> None:
    assert idempotency_key("r", None, ["k", 2**64]) == digest_of("r::k:18446744073709551616")
    snowflake = 1234567890123456789
    keys = {idempotency_key("r", None, ["k", snowflake + step]) for step in range(1000)}
    assert len(keys) == 1000


def test_object_keys_sort_as_in_javascript() -> None:
    # Array indexes first, by number; then by UTF-16 units, where U+1F600 precedes U+FFFF.
    key = ["k", {"b": 1, "10": 2, "2": 3, "\uffff": 4, "😀": 5, "01": 6, "4294967295": 7, "-1": 8, "A": 9}]
    printed = '{"2":3,"10":2,"-1":8,"01":6,"4294967295":7,"A":9,"b":1,"😀":5,"\uffff":4}'
    assert idempotency_key("r", None, key) == digest_of(f"r::k:{printed}")


def test_strings_inside_parts_are_escaped_as_in_javascript() -> None:
    key = [['\b\t\n\f\r"\\/\x00\x1f\x7f\u2028é', "\ud800", "\udfff"]]
    printed = '["\\b\\t\\n\\f\\r\\"\\\\/\\u0000\\u001f\x7f\u2028é","\\ud800","\\udfff"]'
    assert idempotency_key("r", None, key) == digest_of(f"r::{printed}")


def test_lone_surrogates_are_hashed_as_javascript_encodes_them() -> None:
    assert idempotency_key("run_1", None, "a\ud800b") == digest_of("run_1::a\ufffdb")
    assert idempotency_key("run_1", None, "\udc00\ud83d\ude00") == digest_of("run_1::\ufffd😀")


def test_a_list_and_a_tuple_are_one_key() -> None:
    assert idempotency_key("r", None, ["a", 1]) == idempotency_key("r", None, ("a", 1))
    assert key_identity(["a", 1]) == key_identity(("a", 1))


@pytest.mark.parametrize(
    ("one", "other"), [(["a", "b"], "a:b"), (["a"], "a"), (["a", 1], ["a", "1"]), ([["a"]], ['["a"]']), ([1], "1")]
)
def test_keys_that_share_an_idempotency_key_differ_in_identity(one: CacheKey, other: CacheKey) -> None:
    assert idempotency_key("r", None, one) == idempotency_key("r", None, other)
    assert key_identity(one) != key_identity(other)


def test_an_identity_can_be_stored_anywhere() -> None:
    assert key_identity('a"\x00\ud800') == '"a\\"\\u0000\\ud800"'
    assert key_identity(["⏰", {"b": 1.0, "a": "\x00"}]) == '["⏰",{"a":"\\u0000","b":1}]'


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
lists = st.lists(json_values, min_size=1, max_size=4).filter(lambda key: any(part != "" for part in key))
keys = st.text(min_size=1) | lists


@given(keys, keys)
def test_equal_identities_mean_equal_idempotency_keys(one: CacheKey, other: CacheKey) -> None:
    same_identity = key_identity(one) == key_identity(other)
    same_key = idempotency_key("r", "t", one) == idempotency_key("r", "t", other)
    assert same_key or not same_identity


@given(st.text(min_size=1), st.text(min_size=1))
def test_texts_are_told_apart_code_point_by_code_point(one: str, other: str) -> None:
    assert (key_identity(one) == key_identity(other)) == (one == other)


def test_a_key_is_shown_with_its_parts_joined_by_a_dash() -> None:
    assert display_key("send welcome") == "send welcome"
    assert display_key(["user", 7, {"b": 1, "a": None}]) == 'user-7-{"a":null,"b":1}'
    assert display_key("👨‍👩‍👧\n⏰") == "👨‍👩‍👧\n⏰"
    assert display_key("a\x00b\ud800") == "a\ufffdb\ufffd"


@pytest.mark.parametrize("key", ["", [], (), [""]])
def test_an_empty_key_is_refused(key: CacheKey) -> None:
    for operation in (display_key, key_identity, lambda key: idempotency_key("r", None, key)):
        with pytest.raises(InvalidArgumentError, match="empty"):
            operation(key)


@pytest.mark.parametrize("key", [None, 7, b"k", {"a": 1}, {"a"}, range(3)])
def test_a_key_that_is_no_text_and_no_list_is_refused(key: CacheKey) -> None:
    for operation in (display_key, key_identity, lambda key: idempotency_key("r", None, key)):
        with pytest.raises(InvalidArgumentError, match="A cache key is text, or a list"):
            operation(key)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (["a", {"when": [datetime(2024, 1, 1)]}], r"key\[1\]\.when\[0\]: datetime\.datetime"),  # noqa: DTZ001
        (["a", {1: 2}], r"key\[1\]: an object .* not text: 1"),
        (["a", math.nan], r"key\[1\]: nan"),
        (["a", -math.inf], r"key\[1\]: -inf"),
        (["a", 10**5000], r"key\[1\]: Exceeds the limit"),
    ],
)
def test_a_part_that_is_no_json_value_is_refused_with_its_path(key: CacheKey, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        idempotency_key("r", None, key)


def test_a_key_that_contains_itself_is_refused() -> None:
    key: list[object] = ["a"]
    key.append(key)
    with pytest.raises(InvalidArgumentError, match="nested more than"):
        idempotency_key("r", None, key)
