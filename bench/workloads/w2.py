"""W2: 1,000 runs of ten steps, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.measures import measure_cpu, now
from bench.processes import poll_until
from bench.workloads.jobs import client, ends
from bench.workloads.ledger import SUCCESSES, open_ledger
from bench.workloads.repetition import repeat, write_url
from perdure import Event
from perdure.protocol.limits import EVENT_BATCH

if TYPE_CHECKING:
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings


async def run(settings: Settings) -> Result:
    """Measure ``wall_s``, ``runs_per_s`` and ``steps_per_s``, from sending the events to the last run's end on disk.

    Args:
        settings: How to run it.

    Returns:
        The medians.
    """
    runs = settings.count(1000)
    name = "plain-in-order" if settings.plain else "in-order"

    async def measure(path: Path) -> Figures:
        ends.clear()
        async with client.start(database_url=write_url(path)):
            start, cpu = now(), measure_cpu()
            for first in range(0, runs, EVENT_BATCH):
                batch = min(EVENT_BATCH, runs - first)
                await client.send_events([Event(name, payload={"steps": 10}) for _ in range(batch)])
            with open_ledger(path) as ledger:
                # A look into the database, in the node's own thread, costs as much as a dozen steps.
                await poll_until(lambda: len(ends) >= runs and ledger.read(SUCCESSES) >= runs, every=0.005)
            wall, used = now() - start, measure_cpu() - cpu
        with open_ledger(path) as ledger:
            ledger.check_steps(runs=runs, steps=runs * 10)
        return {"wall_s": wall, "runs_per_s": runs / wall, "steps_per_s": runs * 10 / wall, "cpu_s": used}

    return await repeat("W2", measure, settings)
