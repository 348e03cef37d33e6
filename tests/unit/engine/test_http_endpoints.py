from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.engine.http_endpoints import matches_request
from perdure.protocol.received import ReceivedRequest
from perdure.protocol.request_filter import compile_request_filter

REQUEST = ReceivedRequest(
    "POST",
    "http://h/p?a=0&a=1",
    {"content-type": "application/json; charset=utf-8"},
    b'{"n":2}',
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, True),
        ({"query": {"a": ["1"]}}, True),
        ({"query": {"a": ["2"]}}, False),
        ({"headers": {"content-type": [{"$startsWith": "application/"}]}}, True),
        ({"body": {"n": [{"$gt": 1}]}}, True),
        ({"body": {"n": [{"$gt": 2}]}}, False),
    ],
)
def test_a_request_filter_sees_the_whole_request(filter: Any, expected: bool) -> None:
    assert matches_request(compile_request_filter(filter), REQUEST) is expected
