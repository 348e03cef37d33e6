from __future__ import annotations

import pytest

from perdure.errors import InvalidArgumentError
from perdure.protocol.status_patterns import check_status_pattern, match_status_pattern


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("all", [100, 200, 429, 599], []),
        ("429", [429], [428, 430]),
        ("429,503", [429, 503], [500]),
        (" 429 , 503 ", [429, 503], [502]),
        ("429,429", [429], [503]),
        ("500-504", [500, 502, 504], [499, 505]),
        ("5xx", [500, 599], [499, 429, 600]),
        ("42x", [420, 429], [430, 400]),
    ],
)
def test_a_pattern_matches_its_statuses(pattern: str, matching: list[int], others: list[int]) -> None:
    check_status_pattern(pattern)
    assert all(match_status_pattern(pattern, status) for status in matching)
    assert not any(match_status_pattern(pattern, status) for status in others)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "xxx",
        "5",
        "50",
        "5x",
        "4xx,500",
        "ALL",
        "500-",
        "-500",
        "429,",
        "4290",
        "٤٢٩",
        "5xx ",
        "504-500",
        "6xx",
        "000-099",
    ],
)
def test_text_that_is_no_pattern_is_refused_and_matches_nothing(pattern: str) -> None:
    with pytest.raises(InvalidArgumentError, match="is no status pattern"):
        check_status_pattern(pattern)
    assert not any(match_status_pattern(pattern, status) for status in range(100, 600))
