"""Retry strategies as they are given in Python, and what is refused of them."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.errors import InvalidArgumentError, InvalidFilterError
from perdure.protocol.retry_strategies import STRATEGY_LIMIT, strategies_to_wire


def test_strategies_become_those_of_v2_in_their_order() -> None:
    given: dict[Any, Any] = {
        429: {
            "strategy": "headers",
            "limit_header": "x-limit",
            "remaining_header": "x-remaining",
            "reset_header": "x-reset",
            "reset_format": "unix_timestamp_in_ms",
        },
        "5xx": {
            "strategy": "backoff",
            "limit": 7,
            "factor": 2,
            "min_timeout": 0.5,
            "max_timeout": 30,
            "randomize": False,
        },
        "all": {"strategy": "backoff", "body_filter": {"retry": [True]}},
    }
    wire = strategies_to_wire(given)
    assert list(wire) == ["429", "5xx", "all"]
    assert wire["429"] == {
        "strategy": "headers",
        "limitHeader": "x-limit",
        "remainingHeader": "x-remaining",
        "resetHeader": "x-reset",
        "resetFormat": "unix_timestamp_in_ms",
    }
    assert wire["5xx"] == {
        "strategy": "backoff",
        "limit": 7,
        "factor": 2,
        "minTimeoutInMs": 500,
        "maxTimeoutInMs": 30_000,
        "randomize": False,
    }
    assert wire["all"]["bodyFilter"] == {"retry": [True]}


@pytest.mark.parametrize(
    ("retry", "message"),
    [
        ([], "retry= is a dict"),
        ({"4": {"strategy": "backoff"}}, "no status pattern"),
        ({True: {"strategy": "backoff"}}, "no status pattern"),
        ({429: "backoff"}, r"retry\['429'\] is a dict"),
        ({429: {"limit": 3}}, 'strategy is "backoff" or "headers", not None'),
        ({429: {"strategy": "backoff", "limit": -1}}, "retry.limit"),
        ({429: {"strategy": "backoff", "minTimeoutInMs": 1}}, "has no 'minTimeoutInMs'"),
        ({429: {"strategy": "headers"}}, "reset_header is the name of a header"),
        ({429: {"strategy": "headers", "reset_header": "a", "reset_format": "soon"}}, "reset_format is one of"),
        ({429: {"strategy": "headers", "reset_header": "a", "limit": 3}}, "has no 'limit'"),
        ({str(400 + n): {"strategy": "backoff"} for n in range(STRATEGY_LIMIT + 1)}, "51 patterns"),
    ],
)
def test_what_is_no_strategy_is_refused_with_its_place(retry: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        strategies_to_wire(retry)


def test_a_body_filter_is_checked_where_it_is_given() -> None:
    with pytest.raises(InvalidFilterError, match=r"retry\['429'\].body_filter"):
        strategies_to_wire({429: {"strategy": "backoff", "body_filter": {"a": [{"$regex": "x"}]}}})
