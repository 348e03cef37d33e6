"""The numbers that bound what a SQLite database may take."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple


class Limits(NamedTuple):
    """Bounds of time, memory and disk; only tests need others.

    Attributes:
        largest_batch: How many units of work go into one transaction: it bounds for how long a unit waits for others.
        longest_queue: How many units may wait; further ones are refused.
        scan_threads: How many long reads run at once.
        longest_scan: When a long read is stopped, since the log cannot start anew under it.
        largest_log: From how many bytes of log on long reads are stopped earlier.
        idle_after: For how long nothing must have been written before the log is carried over.
        longest_close: How long closing waits for the units already given.
    """

    largest_batch: int = 1000
    longest_queue: int = 20_000
    scan_threads: int = 4
    longest_scan: timedelta = timedelta(seconds=30)
    largest_log: int = 64 * 1024 * 1024
    idle_after: timedelta = timedelta(seconds=5)
    longest_close: timedelta = timedelta(seconds=30)


DEFAULT_LIMITS = Limits()
