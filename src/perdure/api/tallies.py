"""How many requests were answered, how, and how fast."""

from __future__ import annotations

import time
from bisect import bisect_left
from typing import Final

from msgspec import Struct

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""The upper bounds that durations are counted by."""


class Durations(Struct):
    """The durations of the requests of a route: how many were within each bound and not the one before, and all."""

    counts: list[int]
    seconds: float = 0.0


class Tallies:
    """Counts requests; there are as many counters as routes and statuses, whatever is asked for."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str, int], int] = {}
        self.durations: dict[tuple[str, str], Durations] = {}

    def add(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            method: Its method, one that the route has.
            path: The path of the route, with the names of its parts.
            status: What it was answered with.
            seconds: How long that took.
        """
        key = (method, path, status)
        self.answers[key] = self.answers.get(key, 0) + 1
        durations = self.durations.get((method, path))
        if durations is None:
            durations = self.durations[method, path] = Durations([0] * (len(SECONDS) + 1))
        durations.counts[bisect_left(SECONDS, seconds)] += 1
        durations.seconds += seconds


def now() -> float:
    """Give the time by which requests are measured, in seconds."""
    return time.perf_counter()
