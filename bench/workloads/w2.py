"""W2: 1,000 runs of ten steps, all at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.measures import measure_cpu, now
from bench.workloads.jobs import client, run_in_order
from bench.workloads.ledger import open_ledger
from bench.workloads.repetition import repeat, write_url

if TYPE_CHECKING:
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings


async def run(settings: Settings) -> Result:
    """Measure ``wall_s``, ``runs_per_s`` and ``steps_per_s``, from the first invocation to the last run's output.

    Args:
        settings: How to run it.

    Returns:
        The medians.
    """
    runs = settings.count(1000)

    async def run_one() -> None:
        handle = await client.invoke(run_in_order, {"steps": 10})
        await handle.result(timeout=600)

    async def measure(path: Path) -> Figures:
        async with client.start(database_url=write_url(path)):
            start, cpu = now(), measure_cpu()
            await asyncio.gather(*(run_one() for _ in range(runs)))
            wall, used = now() - start, measure_cpu() - cpu
        with open_ledger(path) as ledger:
            ledger.check_steps(runs=runs, steps=runs * 10)
        return {"wall_s": wall, "runs_per_s": runs / wall, "steps_per_s": runs * 10 / wall, "cpu_s": used}

    return await repeat("W2", measure, settings)
