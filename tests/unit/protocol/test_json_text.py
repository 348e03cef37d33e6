from __future__ import annotations

import contextlib
import enum
import json
import math
import time
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import JsonError, UnserializableOutputError
from perdure.protocol.json_text import check, check_dumped, dump, load, parse
from perdure.protocol.redacted import redact_string

any_text = st.text(st.characters(codec=None, exclude_categories=()))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(any_text, inner, max_size=5),
    max_leaves=20,
)


def join_pairs(value: Any) -> Any:
    """Read surrogate pairs as the characters they stand for, as every JSON reader does."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    if isinstance(value, list):
        return [join_pairs(item) for item in value]
    if isinstance(value, dict):
        return {join_pairs(name): join_pairs(member) for name, member in value.items()}
    return value


@given(json_values)
def test_what_is_dumped_is_loaded_equal(value: Any) -> None:
    loaded = load(dump(value))
    assert loaded == join_pairs(value)
    assert repr(loaded) == repr(join_pairs(value))


@given(json_values)
def test_dumped_text_can_be_kept_by_any_database(value: Any) -> None:
    text = dump(value)
    text.encode()
    assert "\x00" not in text


@given(json_values)
def test_what_others_write_is_parsed_equal_and_kept_loadable(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert parse(text) == join_pairs_of_text(value)
    kept = check(text)
    kept.encode()
    assert load(kept) == join_pairs(value)


def join_pairs_of_text(value: Any) -> Any:
    """``json`` joins pairs that are escapes, not pairs that stand in the text."""
    return json.loads(json.dumps(value, ensure_ascii=False))


@given(json_values)
def test_ascii_text_is_parsed_as_the_standard_library_does(value: Any) -> None:
    text = json.dumps(value)
    assert parse(text.encode()) == json.loads(text)
    assert load(check(text)) == json.loads(text)


@given(st.binary(max_size=40) | st.text(alphabet='[]{}",:\\u0eE+-.19 truefalsn', max_size=30).map(str.encode))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        value = parse(data)
    except JsonError:
        return
    assert value == json.loads(data)


def test_text_is_kept_as_it_was_written() -> None:
    text = '{ "b" : 1.50, "a":[1E2,\t18446744073709551616], "é":"\\u00e9\\ud800\\u0000" }'
    assert check(text) == text
    assert check(text.encode()) == text


def test_lone_surrogates_in_text_become_escapes() -> None:
    assert check('["a\ud800", {"\udfff": "é"}]') == '["a\\ud800", {"\\udfff": "é"}]'
    assert load(check('["\ud800"]')) == ["\ud800"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"event":', "invalid_json"),
        ("", "invalid_json"),
        ("  ", "invalid_json"),
        ("[1,]", "invalid_json"),
        ("{'a':1}", "invalid_json"),
        ("1 2", "invalid_json"),
        ("01", "invalid_json"),
        ("[NaN]", "invalid_json"),
        ("Infinity", "invalid_json"),
        ("-Infinity", "invalid_json"),
        ('"a\nb"', "invalid_json"),
        ('"\x00"', "invalid_json"),
        ('"\\x41"', "invalid_json"),
        ("\ufeff1", "invalid_json"),
        (b"\xff\xfe", "invalid_encoding"),
        (b'"\xed\xa0\x80"', "invalid_encoding"),
        (b'"\xc0\x80"', "invalid_encoding"),
        ("[" * 100_000, "json_too_deep"),
        ("[" * 65 + "]" * 65, "json_too_deep"),
        ('{"a":' * 65 + "1" + "}" * 65, "json_too_deep"),
        ("[1e400]", "number_out_of_range"),
        ("-1E+999", "number_out_of_range"),
        ("9" * 5000, "number_out_of_range"),
        ("9" * 101, "number_out_of_range"),
        ("0." + "1" * 99, "number_out_of_range"),
        ('{"id":"a","id":"b"}', "duplicate_key"),
        ('[{"x":{"a":1,"b":2,"\\u0061":3}}]', "duplicate_key"),
        ("[" + "1," * 100_000 + "1]", "json_too_large"),
    ],
)
def test_bad_text_is_refused_with_its_reason(text: str | bytes, reason: str) -> None:
    for operation in (parse, check):
        with pytest.raises(JsonError) as caught:
            operation(text)
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    "text",
    [
        "[" * 64 + "]" * 64,
        '{"a":' * 64 + "1" + "}" * 64,
        "[" + ",".join(["[]"] * 200) + "]",
        '"' + "[" * 1000 + '"',
        '["' + '\\"[' * 100 + '", "' + "\\\\" + '", "[[[["]',
        "9" * 100,
        "1e308",
        "18446744073709551616",
        '["1e400", "NaN"]',
        "[" + "1," * 99_998 + "1]",
        "[" + "[ ]," * 99_998 + "{\n}]",
    ],
)
def test_text_within_the_limits_is_accepted(text: str) -> None:
    assert parse(text) == json.loads(text)
    assert check(text) == text


def test_the_limits_can_be_set() -> None:
    assert parse("[[1]]", max_depth=2, max_nodes=3) == [[1]]
    with pytest.raises(JsonError):
        parse("[[1]]", max_depth=1)
    with pytest.raises(JsonError):
        parse("[[1]]", max_nodes=2)


def test_nodes_are_values_and_not_punctuation() -> None:
    for text in ('{"a": [], "b": {}, "c": "[,],{"}', "[1, [2, 3], {}]"):
        count = count_values(json.loads(text))
        parse(text, max_nodes=count)
        with pytest.raises(JsonError):
            parse(text, max_nodes=count - 1)


@given(json_values)
def test_the_count_of_values_is_exact(value: Any) -> None:
    text, count = json.dumps(value, indent=1), count_values(value)
    assert parse(text, max_nodes=count) == json.loads(text)
    with pytest.raises(JsonError):
        parse(text, max_nodes=count - 1)


def count_values(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + sum(map(count_values, value)) if isinstance(value, list) else 1


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000,
        '{"a":' * 100_000,
        '"' * 500_001,
        "\\" * 500_000,
        "[" + ",".join(f'{{"k{n}":1}}' for n in range(30_000)) + "]",
        "{" + ",".join(f'"k{n}":1' for n in range(40_000)) + ',"k39999":1}',
    ],
)
def test_hostile_text_costs_no_more_than_reading_it(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(JsonError):
        parse(text)
    # Generous: a quadratic step would take minutes.
    assert time.process_time() - started < 2


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Name(str):
    __slots__ = ()


class Share(float):
    __slots__ = ()


class Count(int):
    pass


@dataclass
class User:
    name: str
    photo: object = None


class Account(msgspec.Struct, rename="camel"):
    user_name: str


class Photo:
    pass


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"ok": True, "n": 1}, '{"ok":true,"n":1}'),
        ((1, (2,)), "[1,[2]]"),
        ({5}, "[5]"),
        (frozenset({"a"}), '["a"]'),
        (deque([1, 2]), "[1,2]"),
        (range(3), "[0,1,2]"),
        ({"a": 1}.values(), "[1]"),
        ({"a": 1}.keys(), '["a"]'),
        (OrderedDict(b=1, a=2), '{"b":1,"a":2}'),
        ({1: "x", 2.5: "y"}, '{"1":"x","2.5":"y"}'),
        ({Color.RED: Level.HIGH}, '{"red":3}'),
        ([Name("n"), Share(0.5), Count(7)], '["n",0.5,7]'),
        (User("Ada"), '{"name":"Ada","photo":null}'),
        (Account("ada"), '{"userName":"ada"}'),
        (datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), '"2024-01-02T03:04:05Z"'),
        (date(2024, 1, 2), '"2024-01-02"'),
        (timedelta(days=1), '"P1D"'),
        (Decimal("1.10"), '"1.10"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (PurePosixPath("a/b"), '"a/b"'),
        (b"x", '"eA=="'),
        (redact_string("Bearer {}", "hush"), '"Bearer ***"'),
        ("\ud800\x00é⏰", '"\\ud800\\u0000é⏰"'),
        ([User("\udfff", 2**70)], '[{"name":"\\udfff","photo":1180591620717411303424}]'),
        ("null", '"null"'),
        ([None, 2**64, "\ucb7f"], '[null,18446744073709551616,"\ucb7f"]'),
    ],
)
def test_user_values_have_a_json_form(value: object, text: str) -> None:
    assert dump(value) == text


def contains_itself() -> object:
    value: list[object] = []
    value.append({"again": value})
    return value


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"user": {"photo": Photo()}}, "result.user.photo: tests.unit.protocol.test_json_text.Photo cannot"),
        ({"user": User("Ada", [1, {"x": Photo()}])}, "result.user.photo[1].x: "),
        ({"first name": Photo()}, "result['first name']: "),
        ([{1: {"a": object()}}], "result[0][1].a: object cannot"),
        (Photo(), "result: "),
        (lambda: 1, "result: function cannot"),
        (User, "result: type cannot"),
        ((number for number in [1]), "result: generator cannot"),
        ({"a": [1.5, math.nan]}, "result.a[1]: nan cannot"),
        ({"a": None, "b": -math.inf}, "result.b: -inf cannot"),
        (User("Ada", Share(math.inf)), "result.photo: inf cannot"),
        ({"\ud800": math.nan}, "result['\\ud800']: nan cannot"),
        ({"a": {None: 1}}, "result.a: a key of type NoneType cannot"),
        ({"a": {True: 1}}, "result.a: a key of type bool cannot"),
        ({(1, 2): 1}, "result: a key of type tuple cannot"),
        ({PurePosixPath("p"): Photo()}, "result.p: "),
        ({"n": 10**5000}, "result.n: Exceeds the limit"),
        (contains_itself(), "result: nested more than 64 deep, or inside itself"),
        (nested(65), "result: nested more than 64 deep"),
        (nested(5000), "result: nested more than 64 deep"),
    ],
)
def test_a_value_that_cannot_be_stored_is_named_by_its_path(value: object, message: str) -> None:
    with pytest.raises(UnserializableOutputError) as caught:
        dump(value)
    assert caught.value.message.startswith(message.replace("tests.unit.protocol.test_json_text", __name__))


def test_a_value_as_deep_as_allowed_is_stored() -> None:
    assert parse(dump(nested(64))) == nested(64)


def test_brackets_in_text_are_not_depth() -> None:
    assert load(dump({"a": "[" * 100})) == {"a": "[" * 100}


def test_the_root_has_the_name_the_caller_gives() -> None:
    with pytest.raises(UnserializableOutputError, match=r"^payload\.photo: "):
        dump({"photo": Photo()}, root="payload")


def test_the_caller_may_convert_further_types() -> None:
    def convert(value: object) -> object:
        if isinstance(value, Photo):
            return {"size": Share(1.0), "at": PurePosixPath("p"), "none": None}
        raise TypeError

    assert dump([Photo()], default=convert) == '[{"size":1.0,"at":"p","none":null}]'
    with pytest.raises(UnserializableOutputError, match=r"^result\[1\]: object cannot"):
        dump([Photo(), object()], default=convert)
    with pytest.raises(UnserializableOutputError, match=r"^result\[0\]\.score: nan"):
        dump([Photo()], default=lambda _: {"score": math.nan, "none": None})


def test_a_converter_that_gets_nowhere_is_an_error_and_no_hang() -> None:
    with pytest.raises(UnserializableOutputError, match=r"^result: "):
        dump(Photo(), default=lambda _: Photo())


@pytest.mark.parametrize("value", [10**4299, -(10**150), [0] * 150_000, [[[]]] * 60_000, {"a": "\ud800"}, "", None])
def test_what_was_dumped_elsewhere_passes_as_it_is(value: Any) -> None:
    text = dump(value)
    assert check_dumped(text) == text
    assert check_dumped(text.encode()) == text
    assert load(check_dumped(text)) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1" * 4301, "number_out_of_range"),
        ("[1e400]", "number_out_of_range"),
        ("[" * 65 + "]" * 65, "json_too_deep"),
        ('{"a":1,"a":2}', "duplicate_key"),
        ("[NaN]", "invalid_json"),
        (b'"\xff"', "invalid_encoding"),
    ],
)
def test_what_dump_does_not_make_is_refused_whoever_says_that_it_did(text: str | bytes, reason: str) -> None:
    with pytest.raises(JsonError) as refused:
        check_dumped(text)
    assert refused.value.reason == reason


def test_text_that_is_not_json_is_an_error_when_loaded() -> None:
    for text in ("", "{", "[1,]", "[" * 100_000):
        with pytest.raises(JsonError):
            load(text)


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":1}', '{"a": 1, "a":1}', '{"a, b":1,"a,b":2,"a, b":3}', '[{"a":1,"a":100.0}]']
)
def test_a_key_that_is_there_twice_is_found_however_it_is_written(text: str) -> None:
    for outer in (text, f"[{text}]", f'{{"b": {text}}}'):
        with pytest.raises(JsonError, match="twice"):
            check(outer)
    assert check('{"a, b":1,"a,b":2}') == '{"a, b":1,"a,b":2}'
