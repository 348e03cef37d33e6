"""TIMERS: 10,000 waits that end in the same second; then single ones on an idle node."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from bench.measures import summarize_latencies
from bench.processes import poll_until
from bench.workloads.jobs import client, lateness, wake_at
from bench.workloads.ledger import SLEEPERS, SUCCESSES, open_ledger
from bench.workloads.repetition import repeat, write_url
from perdure import Event

if TYPE_CHECKING:
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings

BATCH = 200
LEAD_S = 20
"""How long after the first event the waits begin to end; by then all of them must be asleep."""


async def run(settings: Settings) -> Result:
    """Measure how late timers fire.

    The waits of the crowd end at instants spread evenly over one second. A wait is late by what passes from its
    instant to the next line of its run.

    Args:
        settings: How to run it.

    Returns:
        ``fired_s``: from the first instant until the last run has gone on. ``early``: how many went on too soon.
        ``p50_ms``, ``p95_ms`` and ``p99_ms``: the lateness of single waits on an idle node.
    """
    crowd, singles = settings.count(10_000), settings.count(200)

    async def measure(path: Path) -> Figures:
        async with client.start(database_url=write_url(path)):
            figures = await _fire_crowd(path, crowd)
            late = await _fire_singles(singles)
        with open_ledger(path) as ledger:
            if ledger.read(SUCCESSES) != crowd + singles:
                raise RuntimeError("a run has not ended well")
        early = figures["early"] + sum(1 for one in late if one < 0)
        return figures | {"early": early} | summarize_latencies(late)

    return await repeat("TIMERS", measure, settings, times=1)


async def _fire_crowd(path: Path, crowd: int) -> Figures:
    lateness.clear()
    start = time.time() + LEAD_S
    for first in range(0, crowd, BATCH):
        numbers = range(first, min(first + BATCH, crowd))
        await client.send_events([Event("alarm", {"due": start + number / crowd}) for number in numbers])
    with open_ledger(path) as ledger:
        await poll_until(lambda: ledger.read(SLEEPERS) >= crowd or time.time() > start, every=0.02)
        asleep_in_time = time.time() < start
    await poll_until(lambda: len(lateness) >= crowd, every=0.01)
    fired = time.time() - start
    if not asleep_in_time:
        raise RuntimeError(f"{crowd} runs were not asleep after {LEAD_S} s")
    return {"fired_s": fired, "early": sum(1 for one in lateness if one < 0)}


async def _fire_singles(singles: int) -> list[float]:
    lateness.clear()
    for _ in range(singles):
        handle = await client.invoke(wake_at, {"due": time.time() + 0.05})
        await handle.result(timeout=60)
        await asyncio.sleep(0.02)
    return list(lateness)
