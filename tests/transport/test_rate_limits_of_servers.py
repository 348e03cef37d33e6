"""A server that is asked too often says until when, whatever number that is."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from perdure.protocol.execution import Abandoned, AutoYielded
from perdure.transport.native_results import read_result, write_result
from perdure.transport.wire_execution import WireExecution
from perdure.transport.wire_refusals import RateLimitedError, check_rate


@pytest.mark.parametrize(
    ("reset", "at"),
    [
        ("1767323045000", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        # In microseconds, in nanoseconds, and in nothing that there is.
        ("1767323045000000", datetime(9999, 1, 1, tzinfo=UTC)),
        ("1767323045000000000", datetime(9999, 1, 1, tzinfo=UTC)),
        ("9" * 400, datetime(9999, 1, 1, tzinfo=UTC)),
        ("9" * 5000, datetime(9999, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_execution_whose_server_was_asked_too_often_ends_with_the_time_at_which_it_may_ask(
    reset: str, at: datetime
) -> None:
    with pytest.raises(RateLimitedError) as caught:
        check_rate(429, reset)
    refused = WireExecution(
        "run_1", 7, limit_ms=None, noops=None, epoch=3, is_native=True, has_all=True, monotonic=time.monotonic
    )
    refused.yield_until(caught.value.reset)
    answer = write_result(Abandoned("asked too often"), refused)
    assert read_result(answer) == AutoYielded("asked too often", at)


@pytest.mark.parametrize("reset", ["", "soon", "-1", "1.5", "²"])
def test_a_server_that_gives_no_time_is_asked_again_like_one_that_fails(reset: str) -> None:
    check_rate(429, reset)
