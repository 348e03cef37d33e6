"""W4: 1,000 runs blocked on an event each; all of them signalled at once, then one at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.measures import now, summarize_latencies
from bench.processes import poll_until
from bench.workloads.jobs import client, wait_for_signal
from bench.workloads.ledger import WAITERS, open_ledger
from bench.workloads.repetition import repeat, write_url

if TYPE_CHECKING:
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings

IN_FLIGHT = 64


async def run(settings: Settings) -> Result:
    """Measure how fast signals arrive.

    All runs wait for events of one name; each has a filter of its own. A signal's latency is from the call that sends
    it until its run has ended.

    Args:
        settings: How to run it.

    Returns:
        ``all_s`` from the first signal until the last run has ended, ``signals_per_s``; ``p50_ms``, ``p95_ms`` and
        ``p99_ms`` of signals sent one at a time.
    """
    runs, singles = settings.count(1000), settings.count(200)

    async def measure(path: Path) -> Figures:
        async with client.start(database_url=write_url(path)):
            wall = await _signal_all(path, runs)
            latencies = await _signal_one_by_one(path, singles)
        with open_ledger(path) as ledger:
            ledger.check_steps(runs=runs + singles, steps=0)
        return {"all_s": wall, "signals_per_s": runs / wall} | summarize_latencies(latencies)

    return await repeat("W4", measure, settings)


async def _signal_all(path: Path, runs: int) -> float:
    handles = [await client.invoke(wait_for_signal, {"key": f"w{number}"}) for number in range(runs)]
    await _all_wait(path, runs)
    room = asyncio.Semaphore(IN_FLIGHT)

    async def signal(number: int) -> None:
        async with room:
            await client.send_event(name="signal", payload={"key": f"w{number}", "value": number})

    start = now()
    await asyncio.gather(*(signal(number) for number in range(runs)))
    values = await asyncio.gather(*(handle.result(timeout=60) for handle in handles))
    wall = now() - start
    if values != list(range(runs)):
        raise RuntimeError("a run got the signal of another")
    return wall


async def _signal_one_by_one(path: Path, count: int) -> list[float]:
    latencies: list[float] = []
    for number in range(count):
        handle = await client.invoke(wait_for_signal, {"key": f"o{number}"})
        await _all_wait(path, 1)
        start = now()
        await client.send_event(name="signal", payload={"key": f"o{number}", "value": number})
        await handle.result(timeout=60)
        latencies.append(now() - start)
    return latencies


async def _all_wait(path: Path, runs: int) -> None:
    with open_ledger(path) as ledger:
        await poll_until(lambda: ledger.read(WAITERS) >= runs, every=0.002)
