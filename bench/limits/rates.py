"""Measuring how often, and how fast, something can be done."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.measures import now
from bench.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable


def emit(name: str, **figures: float) -> None:
    """Print one limit.

    Args:
        name: What was measured.
        **figures: The numbers.
    """
    Result(system="limits", workload=name, figures=figures).emit()


def measure_rate(do: Callable[[], object], *, seconds: float = 2) -> float:
    """Measure how often a second something can be done.

    Args:
        do: Does it once.
        seconds: How long each of the three tries takes.

    Returns:
        The median of the tries, per second.
    """
    rates: list[float] = []
    for _ in range(3):
        start, count = now(), 0
        while (passed := now() - start) < seconds:
            do()
            count += 1
        rates.append(count / passed)
    return statistics.median(rates)


def measure_each(do: Callable[[], object], times: int) -> float:
    """Measure what one of many takes.

    Args:
        do: Does it once.
        times: How often it is done in each of the three tries.

    Returns:
        The median of the tries, in microseconds for one.
    """
    tries: list[float] = []
    for _ in range(3):
        start = now()
        for _ in range(times):
            do()
        tries.append((now() - start) / times * 1e6)
    return statistics.median(tries)
