"""W1: one run of 1,000 steps, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.measures import now
from bench.workloads.jobs import client, run_in_order, run_plain_in_order
from bench.workloads.ledger import open_ledger
from bench.workloads.repetition import repeat, write_url

if TYPE_CHECKING:
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings


async def run(settings: Settings) -> Result:
    """Measure ``steps_per_s``, from the invocation to the run's output.

    Args:
        settings: How to run it.

    Returns:
        The medians.
    """
    steps = settings.count(1000)
    job = run_plain_in_order if settings.plain else run_in_order

    async def measure(path: Path) -> Figures:
        async with client.start(database_url=write_url(path)):
            start = now()
            handle = await client.invoke(job, {"steps": steps})
            await handle.result(timeout=600)
            wall = now() - start
        with open_ledger(path) as ledger:
            ledger.check_steps(runs=1, steps=steps)
        return {"steps_per_s": steps / wall}

    return await repeat("W1", measure, settings)
