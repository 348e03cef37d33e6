"""SLEEPERS: what a server needs that keeps 100,000 runs which wait.

1,000 runs are put to sleep by an app; their rows are then copied in SQL, and the server is started on them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.measures import measure_cpu, measure_memory
from bench.processes import poll_until
from bench.remote.platform import serving, with_app
from bench.workloads.ledger import SLEEPERS, SUCCESSES, open_ledger
from bench.workloads.repetition import repeat
from bench.workloads.w5m import SEED, multiply

if TYPE_CHECKING:
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings

WATCHED_S = 5


async def run_sleepers(settings: Settings) -> Result:
    """Measure the server's memory with 1,000 runs that it has put to sleep itself, and with 100,000 at its start.

    Args:
        settings: How to run it.

    Returns:
        ``rss_before_mb`` with the first, ``rss_mb`` with all when a run has been executed among them, ``idle_cpu_pct``.
    """
    sleepers = max(SEED, settings.count(100_000) // SEED * SEED)

    async def measure(path: Path) -> Figures:
        with serving(path) as server, with_app(server, path.parent) as platform, open_ledger(path) as ledger:
            platform.send("sleeper", [{}] * SEED)
            await poll_until(lambda: ledger.read(SLEEPERS) == SEED, every=0.05)
            before = measure_memory(platform.server)
        if sleepers > SEED:
            await asyncio.to_thread(multiply, path, sleepers // SEED)
        with serving(path) as server, with_app(server, path.parent) as platform, open_ledger(path) as ledger:
            platform.send("in-order", [{"steps": 1}])
            await poll_until(lambda: ledger.read(SUCCESSES) == 1)
            if (asleep := ledger.read(SLEEPERS)) != sleepers:
                raise RuntimeError(f"{asleep} runs wait instead of {sleepers}")
            cpu = measure_cpu(platform.server)
            await asyncio.sleep(WATCHED_S)
            return {
                "rss_before_mb": before,
                "rss_mb": measure_memory(platform.server),
                "idle_cpu_pct": (measure_cpu(platform.server) - cpu) / WATCHED_S * 100,
            }

    return await repeat("SLEEPERS", measure, settings, times=1, sleepers=sleepers, rows=f"{SEED} runs copied in SQL")
