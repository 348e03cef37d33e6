from __future__ import annotations

from typing import Any

import pytest

from perdure.errors import InvalidFilterError
from perdure.protocol.request_filter import NOT_JSON, compile_request_filter

REQUEST: dict[str, Any] = {
    "method": "POST",
    "headers": {"Content-Type": "application/json", "X-GitHub-Event": "push"},
    "query": [("page", "1"), ("page", "2"), ("q", "a b")],
    "body": {"ref": "main", "size": 3},
}


def matches(filter: object, **changes: Any) -> bool:
    return compile_request_filter(filter).matches(**{**REQUEST, **changes})


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, True),
        ({"method": ["POST"]}, True),
        ({"method": ["GET", "PUT"]}, False),
        ({"method": []}, False),
        ({"method": None, "headers": None, "query": None, "body": None}, True),
        ({"headers": {"content-type": ["application/json"]}}, True),
        ({"headers": {"content-type": ["text/plain"]}}, False),
        ({"headers": {"content-type": [{"$startsWith": "application/"}]}}, True),
        ({"headers": {"x-github-event": [{"$ignoreCaseEquals": "PUSH"}, {"$endsWith": "h"}]}}, True),
        ({"headers": {"x-missing": ["a"]}}, False),
        ({"headers": {"x-missing": []}}, True),
        ({"headers": {}}, True),
        ({"query": {"page": ["2"]}}, True),
        ({"query": {"page": ["1"]}}, False),
        ({"query": {"q": [{"$endsWith": "b"}]}}, True),
        ({"query": {"Q": ["a b"]}}, False),
        ({"body": {"ref": ["main"], "size": [{"$gt": 2}]}}, True),
        ({"body": {"ref": ["dev"]}}, False),
        ({"method": ["POST"], "query": {"q": ["x"]}}, False),
    ],
)
def test_all_given_parts_must_match(filter: object, expected: bool) -> None:
    assert matches(filter) is expected


def test_a_header_name_may_be_written_in_any_case() -> None:
    assert matches({"headers": {"X-GitHub-Event": ["push"]}})


def test_in_a_v2_filter_a_header_name_with_capitals_never_matches() -> None:
    compiled = compile_request_filter({"headers": {"X-GitHub-Event": ["push"]}}, lenient=True)
    assert not compiled.matches(**REQUEST)
    assert compiled.warnings == ("filter.headers['X-GitHub-Event']: a header name with capitals never matches.",)
    assert compile_request_filter({"headers": {"x-github-event": ["push"]}}, lenient=True).matches(**REQUEST)


@pytest.mark.parametrize("filter", [{"body": {}}, {"body": {"a": ["x"]}}])
def test_a_body_filter_fails_on_a_body_that_is_not_json(filter: object) -> None:
    assert not matches(filter, body=NOT_JSON)


def test_any_body_passes_where_there_is_no_body_filter() -> None:
    assert matches({"method": ["POST"]}, body=NOT_JSON)


def test_a_body_of_null_is_json() -> None:
    assert matches({"body": {}}, body=None)
    assert not matches({"body": {"a": []}}, body=None)


@pytest.mark.parametrize(
    ("filter", "place"),
    [
        ([], "filter"),
        (None, "filter"),
        ({"header": {}}, "filter.header"),
        ({"method": "POST"}, "filter.method"),
        ({"method": ["post"]}, "filter.method[0]"),
        ({"method": ["GET", 1]}, "filter.method[1]"),
        ({"method": [["GET"]]}, "filter.method[0]"),
        ({"headers": ["x"]}, "filter.headers"),
        ({"headers": {"a": "x"}}, "filter.headers.a"),
        ({"headers": {"a": {"b": ["x"]}}}, "filter.headers.a"),
        ({"headers": {"a": [1]}}, "filter.headers.a"),
        ({"headers": {"a": [{"$gt": 1}]}}, "filter.headers.a[0].$gt"),
        ({"query": {"a": [{"$exists": True}]}}, "filter.query.a[0].$exists"),
        ({"body": [1]}, "filter.body"),
        ({"body": {"a": [1, "x"]}}, "filter.body.a"),
    ],
)
def test_a_wrong_request_filter_is_refused_where_it_is_declared(filter: object, place: str) -> None:
    with pytest.raises(InvalidFilterError) as caught:
        compile_request_filter(filter)
    assert caught.value.message.split(": ", 1)[0] == place


def test_a_lenient_request_filter_ignores_unknown_parts_with_a_warning() -> None:
    query = {"q": [{"$startsWith": "a", "$exists": True}]}
    compiled = compile_request_filter({"path": "/x", "query": query}, lenient=True)
    assert compiled.matches(**REQUEST)
    assert [warning.split(": ", 1)[0] for warning in compiled.warnings] == ["filter.path", "filter.query.q[0].$exists"]


def test_the_parts_of_a_filter_share_its_limits() -> None:
    half = {f"k{n}": ["x"] for n in range(250)}
    compile_request_filter({"query": half, "body": half})
    with pytest.raises(InvalidFilterError, match="more than 500 conditions"):
        compile_request_filter({"query": half, "body": half, "headers": {"a": ["x"]}})


def test_the_levels_of_a_body_filter_count_from_the_whole_filter() -> None:
    body: dict[str, Any] = {"x": [1]}
    for _ in range(14):
        body = {"x": body}
    compile_request_filter({"body": body})
    with pytest.raises(InvalidFilterError, match="nested more than 16 deep"):
        compile_request_filter({"body": {"x": body}})
