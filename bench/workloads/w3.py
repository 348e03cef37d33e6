"""W3: from the trigger to the first line of user code, one run at a time on an idle system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.measures import now, summarize_latencies
from bench.workloads.jobs import client, reach_first_line, reached
from bench.workloads.repetition import repeat, write_url

if TYPE_CHECKING:
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings


async def run(settings: Settings) -> Result:
    """Measure ``p50_ms``, ``p95_ms`` and ``p99_ms`` over 300 runs.

    Args:
        settings: How to run it.

    Returns:
        The medians of the repetitions' percentiles.
    """
    runs = settings.count(300)

    async def measure(path: Path) -> Figures:
        latencies: list[float] = []
        async with client.start(database_url=write_url(path)):
            for number in range(runs):
                start = now()
                handle = await client.invoke(reach_first_line, {"key": f"{path}-{number}"})
                await handle.result(timeout=60)
                latencies.append(reached.pop(f"{path}-{number}") - start)
        return summarize_latencies(latencies)

    return await repeat("W3", measure, settings)
