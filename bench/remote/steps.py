"""W1 and W2 with a server: the same steps, of jobs behind a URL or in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.measures import now
from bench.processes import poll_until
from bench.remote.platform import serving, with_jobs
from bench.workloads.ledger import SUCCESSES, open_ledger
from bench.workloads.repetition import repeat

if TYPE_CHECKING:
    from pathlib import Path

    from bench.remote.platform import Platform
    from bench.result import Figures, Result
    from bench.settings import Settings

BATCH = 1000


async def run_w1(settings: Settings) -> Result:
    """Measure one run of 1,000 steps: ``steps_per_s``, and the processor time of a step in the server and in the app.

    Args:
        settings: How to run it.

    Returns:
        The medians.
    """
    return await _run("W1", settings, runs=1, steps=settings.count(1000))


async def run_w2(settings: Settings) -> Result:
    """Measure 1,000 runs of ten steps, as `run_w1` does.

    Args:
        settings: How to run it.

    Returns:
        The medians.
    """
    return await _run("W2", settings, runs=settings.count(1000), steps=10)


async def _run(workload: str, settings: Settings, *, runs: int, steps: int) -> Result:
    async def measure(path: Path) -> Figures:
        with serving(path) as server, with_jobs(server, path.parent, settings) as platform:
            return await measure_steps(platform, path, runs=runs, steps=steps)

    return await repeat(workload, measure, settings)


async def measure_steps(platform: Platform, path: Path, *, runs: int, steps: int) -> Figures:
    """Start runs of steps, and wait until the last has ended.

    A run has been executed before, so that everything is loaded and connected.

    Args:
        platform: The server, and an app that has the job.
        path: The database.
        runs: How many runs.
        steps: How many steps each has.

    Returns:
        ``wall_s``, ``steps_per_s``, ``server_us`` and ``app_us`` of processor time for each step.
    """
    with open_ledger(path) as ledger:
        platform.send("in-order", [{"steps": 1}])
        await poll_until(lambda: ledger.read(SUCCESSES) == 1)
        before, start = platform.measure_cpu(), now()
        for first in range(0, runs, BATCH):
            platform.send("in-order", [{"steps": steps}] * min(BATCH, runs - first))
        await poll_until(lambda: ledger.read(SUCCESSES) == runs + 1, every=0.02)
        wall, after = now() - start, platform.measure_cpu()
        ledger.check_steps(runs=runs + 1, steps=runs * steps + 1)
    done = runs * steps
    return {
        "wall_s": wall,
        "steps_per_s": done / wall,
        "server_us": (after[0] - before[0]) / done * 1e6,
        "app_us": (after[1] - before[1]) / done * 1e6,
    }
