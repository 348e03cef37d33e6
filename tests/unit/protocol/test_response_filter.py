from __future__ import annotations

from typing import Any

import pytest

from perdure.errors import InvalidFilterError
from perdure.protocol.request_filter import NOT_JSON
from perdure.protocol.response_filter import compile_response_filter

RESPONSE: dict[str, Any] = {"status": 200, "headers": {"X-State": "done"}, "body": {"state": "done"}}


def matches(filter: object, **changes: Any) -> bool:
    return compile_response_filter(filter).matches(**{**RESPONSE, **changes})


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, True),
        ({"status": [200, 201]}, True),
        ({"status": [200.0]}, True),
        ({"status": [404]}, False),
        ({"status": []}, True),
        ({"headers": {"x-state": ["done"]}}, True),
        ({"headers": {"X-STATE": [{"$startsWith": "d"}]}}, True),
        ({"headers": {"x-state": ["busy"]}}, False),
        ({"body": {"state": ["done"]}}, True),
        ({"body": {"state": ["busy"]}}, False),
        ({"status": [200], "headers": {"x-state": ["done"]}, "body": {"state": ["done"]}}, True),
        ({"status": [201], "body": {"state": ["done"]}}, False),
        ({"status": [200], "headers": {"x-state": ["busy"]}}, False),
        ({"status": None, "headers": None, "body": None}, True),
    ],
)
def test_status_and_headers_and_body_must_match(filter: object, expected: bool) -> None:
    assert matches(filter) is expected


def test_a_body_that_is_not_json_fails_only_a_body_filter() -> None:
    assert matches({"status": [200]}, body=NOT_JSON)
    assert not matches({"body": {}}, body=NOT_JSON)


def test_header_names_have_no_case_in_a_v2_filter_either() -> None:
    compiled = compile_response_filter({"headers": {"X-State": ["done"]}}, lenient=True)
    assert compiled.matches(**RESPONSE)
    assert compiled.warnings == ()


@pytest.mark.parametrize(
    ("filter", "place"),
    [
        ("x", "filter"),
        ({"code": [1]}, "filter.code"),
        ({"status": 200}, "filter.status"),
        ({"status": ["200"]}, "filter.status[0]"),
        ({"status": [200, True]}, "filter.status[1]"),
        ({"headers": {"a": [{"$gt": 1}]}}, "filter.headers.a[0].$gt"),
        ({"body": {"a": [{"$regex": "x"}]}}, "filter.body.a[0].$regex"),
    ],
)
def test_a_wrong_response_filter_is_refused_where_it_is_declared(filter: object, place: str) -> None:
    with pytest.raises(InvalidFilterError) as caught:
        compile_response_filter(filter)
    assert caught.value.message.split(": ", 1)[0] == place


def test_a_response_filter_of_seventeen_levels_is_refused() -> None:
    filter: dict[str, Any] = {"x": [1]}
    for _ in range(15):
        filter = {"x": filter}
    with pytest.raises(InvalidFilterError, match="nested more than 16 deep"):
        compile_response_filter({"body": filter})
