from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.errors import InvalidArgumentError
from perdure.protocol.retries import retry_delay
from perdure.sdk.retry import Retry, RetryAt, as_retry


def test_the_defaults_are_five_attempts_one_second_to_one_minute() -> None:
    assert Retry() == Retry(limit=5, factor=1.8, min_timeout=1, max_timeout=60, randomize=True)


def test_the_presets_are_those_of_v2() -> None:
    assert Retry.standard() == Retry(limit=8, factor=1.8, min_timeout=0.5, max_timeout=30)
    assert Retry.exponential() == Retry(limit=8, factor=2, min_timeout=1, max_timeout=30)
    assert type(Retry.standard()) is Retry


def test_the_delays_are_those_of_v2() -> None:
    retry = Retry(limit=5, randomize=False)
    delays = [retry_delay(retry, attempts, lambda: 0.5) for attempts in range(1, 6)]
    assert delays == [*(timedelta(milliseconds=ms) for ms in (1000, 1000, 1800, 3240)), None]


def test_a_dict_with_the_same_names_is_a_retry() -> None:
    assert as_retry({"limit": 3, "min_timeout": timedelta(seconds=2)}) == Retry(limit=3, min_timeout=2)
    assert as_retry({}) == Retry()


def test_no_retry_stays_none_and_a_retry_stays_itself() -> None:
    retry = Retry(limit=2)
    assert as_retry(None) is None
    assert as_retry(retry) is retry


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limits": 3}, "retry has no 'limits'"),
        ({"limit": -1}, "retry.limit"),
        ({"limit": True}, "retry.limit"),
        ({"limit": 2.5}, "retry.limit"),
        ({"factor": 0}, "retry.factor"),
        ({"min_timeout": -1}, "retry.min_timeout"),
        ({"max_timeout": float("nan")}, "retry.max_timeout"),
        ({"randomize": "yes"}, "retry.randomize"),
        (5, r"retry= is a Retry or a dict with its names, not int"),
    ],
)
def test_a_retry_that_makes_no_sense_is_refused_by_name(given: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        as_retry(given)


def test_retry_at_takes_an_aware_instant_and_an_exception() -> None:
    error = ValueError("busy")
    answer = RetryAt(datetime(2024, 1, 1, tzinfo=UTC), error)
    assert (answer.at, answer.error) == (datetime(2024, 1, 1, tzinfo=UTC), error)
    with pytest.raises(InvalidArgumentError, match="naive"):
        RetryAt(datetime(2024, 1, 1))  # noqa: DTZ001
    wrong: Any = "busy"
    with pytest.raises(InvalidArgumentError, match="takes an exception"):
        RetryAt(datetime(2024, 1, 1, tzinfo=UTC), error=wrong)
