"""W5: 10,000 runs started into a durable sleep of an hour."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING

from bench.measures import measure_memory, measure_sqlite_bytes, now
from bench.processes import poll_until
from bench.workloads.jobs import client
from bench.workloads.ledger import SLEEPERS, open_ledger
from bench.workloads.repetition import repeat, write_url
from perdure import Event

if TYPE_CHECKING:
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings

BATCH = 200
WATCHED_S = 5


async def run(settings: Settings) -> Result:
    """Measure how fast runs go to sleep, and what they cost while they sleep.

    ``start_s`` is from the first event until the last wait is in the database. ``db_bytes_per_run`` is the
    closed file's growth; memory is that of the whole process.

    Args:
        settings: How to run it.

    Returns:
        ``start_s``, ``starts_per_s``, ``rss_before_mb``, ``rss_mb``, ``db_bytes_per_run``, ``idle_cpu_pct``.
    """
    runs = settings.count(10_000)

    async def measure(path: Path) -> Figures:
        async with client.start(database_url=write_url(path)):
            pass
        empty = measure_sqlite_bytes(path)
        async with client.start(database_url=write_url(path)):
            figures = await sleep_and_watch(path, runs)
        return figures | {"db_bytes_per_run": (measure_sqlite_bytes(path) - empty) / runs}

    return await repeat("W5", measure, settings, times=1)


async def sleep_and_watch(path: Path, runs: int) -> Figures:
    """Start the runs on the started client, and watch the process for some seconds.

    Args:
        path: The database.
        runs: How many.

    Returns:
        All figures but the bytes.
    """
    before = measure_memory()
    start = now()
    for first in range(0, runs, BATCH):
        await client.send_events([Event("sleeper") for _ in range(min(BATCH, runs - first))])
    with open_ledger(path) as ledger:
        await poll_until(lambda: ledger.read(SLEEPERS) >= runs, every=0.02)
    wall = now() - start
    gc.collect()
    await asyncio.sleep(1)
    cpu = time.process_time()
    await asyncio.sleep(WATCHED_S)
    return {
        "start_s": wall,
        "starts_per_s": runs / wall,
        "rss_before_mb": before,
        "rss_mb": measure_memory(),
        "idle_cpu_pct": (time.process_time() - cpu) / WATCHED_S * 100,
    }
