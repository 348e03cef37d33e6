"""How fast this machine is beside the one on which the targets were set.

Pipe into it what other modules here print: ``(python -m bench.limits.disk; python -m bench.limits.loops) | python -m
bench.limits.compare``. A rate of the same minutes divided by the share in the last line, or a duration times it, is
roughly what that machine would have made.
"""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING, Final

from bench.limits.rates import emit
from bench.result import Result

if TYPE_CHECKING:
    from collections.abc import Iterable

REFERENCE: Final = {
    "fdatasync_preallocated_4096": 7329,
    "fdatasync_append_4096": 3861,
    "sqlite_wal_full_batch1": 6114,
    "sqlite_wal_full_batch200": 1437,
    "sqlite_wal_normal_batch1": 43055,
    "sqlite_wal_normal_batch200": 2244,
    "loop_asyncio_switches": 512227,
    "loop_asyncio_tasks": 183549,
    "loop_asyncio_wakings": 242361,
    "loop_uvloop_switches": 940285,
    "loop_uvloop_tasks": 337887,
    "loop_uvloop_wakings": 558389,
    "http_client_aiohttp_asyncio": 4220,
    "http_client_aiohttp_uvloop": 5429,
}
"""What 2 cores of an AMD EPYC with a fast virtual disk made in a second (Debian 12, Python 3.11.7)."""

RATES: Final = ("per_s", "commits_per_s", "c1_per_s")
"""Which figure of a limit is compared."""


def compare(lines: Iterable[str]) -> dict[str, float]:
    """Give the share of the reference machine's rate that this one makes, by limit.

    Args:
        lines: What the modules of this folder have printed; limits without a reference are left out.

    Returns:
        The shares; the geometric mean of them all is under ``all``, unless there is none.
    """
    shares: dict[str, float] = {}
    for line in lines:
        result = Result.from_json(line)
        if result.workload in REFERENCE:
            (rate,) = (result.figures[name] for name in RATES if name in result.figures)
            shares[result.workload] = rate / REFERENCE[result.workload]
    return shares | {"all": statistics.geometric_mean(shares.values())} if shares else shares


if __name__ == "__main__":
    for name, share in compare(sys.stdin).items():
        emit(name, of_reference=share)
