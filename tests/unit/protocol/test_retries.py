from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import InvalidArgumentError
from perdure.protocol.retries import RetryOptions, retry_delay


def never() -> float:
    raise AssertionError("no random number was needed")


def delays(options: RetryOptions) -> list[float]:
    """List every delay in milliseconds, until the attempts are used up."""
    found: list[float] = []
    while (delay := retry_delay(options, len(found) + 1, never)) is not None:
        found.append(delay / timedelta(milliseconds=1))
    return found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (RetryOptions(randomize=False), [1000, 1000, 1800, 3240]),
        (
            RetryOptions(limit=8, factor=1.8, min_timeout=0.5, max_timeout=30, randomize=False),
            [500, 500, 900, 1620, 2916, 5249, 9448],
        ),
        (
            RetryOptions(limit=8, factor=2, min_timeout=1, max_timeout=30, randomize=False),
            [1000, 1000, 2000, 4000, 8000, 16000, 30000],
        ),
        (RetryOptions(limit=0, randomize=False), []),
        (RetryOptions(limit=1, randomize=False), []),
        (RetryOptions(limit=2, randomize=False), [1000]),
        (RetryOptions(limit=3, min_timeout=0, max_timeout=1, randomize=False), [1, 1]),
        (RetryOptions(limit=3, min_timeout=5, max_timeout=2, randomize=False), [2000, 2000]),
        (RetryOptions(limit=4, factor=0.5, randomize=False), [1000, 1000, 500]),
    ],
)
def test_delays_without_randomness_are_exact(options: RetryOptions, expected: list[float]) -> None:
    assert delays(options) == expected


def test_the_presets_are_those_of_v2() -> None:
    assert RetryOptions.standard() == RetryOptions(limit=8, factor=1.8, min_timeout=0.5, max_timeout=30, randomize=True)
    assert RetryOptions.exponential() == RetryOptions(limit=8, factor=2, min_timeout=1, max_timeout=30, randomize=True)


@pytest.mark.parametrize(("drawn", "expected"), [(0.0, 1000), (0.5, 1500), (0.9999, 2000), (0.12345, 1123)])
def test_a_random_delay_is_up_to_twice_as_long(drawn: float, expected: int) -> None:
    assert retry_delay(RetryOptions(), 1, lambda: drawn) == timedelta(milliseconds=expected)


def test_the_cap_holds_for_random_delays_too() -> None:
    assert retry_delay(RetryOptions(max_timeout=1.2), 1, lambda: 0.9) == timedelta(milliseconds=1200)


@given(
    st.builds(
        RetryOptions,
        limit=st.integers(0, 10**6),
        factor=st.floats(0.01, 1e6),
        min_timeout=st.floats(0, 1e6),
        max_timeout=st.floats(0, 1e6),
        randomize=st.booleans(),
    ),
    st.integers(0, 10**6),
    st.floats(0, 1, exclude_max=True),
)
def test_a_delay_is_never_longer_than_the_cap(options: RetryOptions, attempts: int, drawn: float) -> None:
    delay = retry_delay(options, attempts, lambda: drawn)
    assert (delay is None) == (attempts >= options.limit)
    assert delay is None or timedelta(0) <= delay <= timedelta(seconds=options.max_timeout)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"limit": -1}, "limit"),
        ({"limit": 2.5}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": "3"}, "limit"),
        ({"factor": 0}, "factor"),
        ({"factor": math.nan}, "factor"),
        ({"factor": "2"}, "factor"),
        ({"factor": 10**400}, "factor"),
        ({"min_timeout": -1}, "min_timeout"),
        ({"min_timeout": math.inf}, "min_timeout"),
        ({"min_timeout": timedelta(seconds=-1)}, "min_timeout"),
        ({"max_timeout": 1e300}, "max_timeout"),
        ({"max_timeout": None}, "max_timeout"),
        ({"randomize": 1}, "randomize"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"^retry\.{name} "):
        RetryOptions(**options)
    with pytest.raises(InvalidArgumentError, match=rf"^retry\.{name} "):
        RetryOptions.from_mapping(options)


def test_timeouts_may_be_timedeltas() -> None:
    options = RetryOptions(min_timeout=timedelta(milliseconds=250), max_timeout=timedelta(minutes=1))
    assert options == RetryOptions(min_timeout=0.25, max_timeout=60)
    assert hash(options) == hash(RetryOptions(min_timeout=0.25, max_timeout=60))


def test_options_may_be_a_dict() -> None:
    assert RetryOptions.from_mapping({"limit": 3, "min_timeout": 2}) == RetryOptions(limit=3, min_timeout=2)
    with pytest.raises(InvalidArgumentError, match="no 'minTimeoutInMs'; it has limit, factor, min_timeout"):
        RetryOptions.from_mapping({"minTimeoutInMs": 5})


def test_the_wire_form_has_v2_names_and_milliseconds() -> None:
    wire = {"limit": 3, "factor": 2.5, "minTimeoutInMs": 100, "maxTimeoutInMs": 1700, "randomize": False}
    options = RetryOptions(limit=3, factor=2.5, min_timeout=0.1, max_timeout=1.7, randomize=False)
    assert RetryOptions.from_wire(wire) == options
    assert options.to_wire() == wire
    assert isinstance(options.to_wire()["minTimeoutInMs"], int)


def test_what_the_wire_leaves_out_has_its_default() -> None:
    assert RetryOptions.from_wire({}) == RetryOptions()
    assert RetryOptions.from_wire({"limit": 2.0, "strategy": "backoff", "factor": None}) == RetryOptions(limit=2)


@pytest.mark.parametrize("wire", [{"limit": 1.5}, {"minTimeoutInMs": "5"}, {"maxTimeoutInMs": -1}, {"randomize": "no"}])
def test_a_wrong_wire_form_is_refused(wire: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        RetryOptions.from_wire(wire)


@given(st.integers(0, 10**9))
def test_milliseconds_survive_the_way_there_and_back(milliseconds: int) -> None:
    wire = RetryOptions.from_wire({"minTimeoutInMs": milliseconds}).to_wire()
    assert wire["minTimeoutInMs"] == milliseconds


def test_options_cannot_be_changed() -> None:
    options = RetryOptions()
    with pytest.raises(AttributeError):
        options.limit = 9  # type: ignore[misc]
