"""W7: the process is killed with SIGKILL half-way through W2's steps, and a second one finishes them.

``python -m bench.workloads.w7 DATABASE RUNS`` is that process.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.appendlog import count_lines, read_executions
from bench.measures import now
from bench.processes import kill, poll_until, start
from bench.settings import run_on_loop
from bench.workloads.jobs import STEP_LOG_VARIABLE, client, run_logged
from bench.workloads.ledger import REPEATED_RESULTS, open_ledger
from bench.workloads.repetition import repeat, write_url

if TYPE_CHECKING:
    from bench.result import Figures, Result
    from bench.settings import Settings


async def run(settings: Settings) -> Result:
    """Measure ``restart_to_done_s``, ``executed_twice`` and ``recorded_twice``.

    The second process is timed from its start, imports and all, until the last run's output has reached it. Steps
    are counted by a log outside the database, their results by the database.

    Args:
        settings: How to run it.

    Returns:
        The medians.
    """
    runs = settings.count(1000)

    async def measure(path: Path) -> Figures:
        log = path.parent / "steps"
        await kill_half_way(path, runs=runs, log=log)
        killed_at, restarted_at = count_lines(log), now()
        done_at = await asyncio.to_thread(finish, path, runs, log)
        executions = read_executions(log)
        with open_ledger(path) as ledger:
            recorded_twice = ledger.read(REPEATED_RESULTS)
            ledger.check_steps(runs=runs, steps=runs * 10)
        return {
            "restart_to_done_s": done_at - restarted_at,
            "executed_twice": executions.executed_twice,
            "recorded_twice": recorded_twice,
            "killed_at_steps": killed_at,
        }

    return await repeat("W7", measure, settings)


async def kill_half_way(path: Path, *, runs: int, log: Path) -> None:
    """Start the runs in a process, and kill it when half of the steps have been executed.

    Args:
        path: The database.
        runs: How many runs.
        log: The log of executed steps.
    """
    child = start(write_command(path, runs), environment={STEP_LOG_VARIABLE: str(log)}, output=path.parent / "child")
    try:
        await poll_until(lambda: count_lines(log) >= runs * 5 or child.poll() is not None, every=0.001)
        if child.poll() is not None:
            raise RuntimeError(f"the process ended before it was killed: {(path.parent / 'child').read_text()[-500:]}")
    finally:
        kill(child)


def finish(path: Path, runs: int, log: Path) -> float:
    """Let a second process finish the runs.

    Args:
        path: The database.
        runs: How many runs.
        log: The log of executed steps.

    Returns:
        When the last output had arrived, by ``now``.
    """
    environment = {**os.environ, STEP_LOG_VARIABLE: str(log)}
    command = write_command(path, runs)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    return float(done.stdout)


def write_command(path: Path, runs: int) -> list[str]:
    """Write the command line of the process that is killed, and of the one that goes on."""
    return [sys.executable, "-m", "bench.workloads.w7", str(path), str(runs)]


async def run_to_the_end(path: Path, runs: int) -> float:
    """Invoke all runs and wait for them; a second process's invocations find the runs of the first.

    Args:
        path: The database.
        runs: How many.

    Returns:
        When the last output had arrived.
    """

    async def run_one(key: str) -> None:
        handle = await client.invoke(run_logged, {"key": key, "steps": 10}, idempotency_key=key)
        await handle.result(timeout=600)

    async with client.start(database_url=write_url(path)):
        await asyncio.gather(*(run_one(f"run-{number}") for number in range(runs)))
        return now()


if __name__ == "__main__":
    print(run_on_loop(run_to_the_end(Path(sys.argv[1]), int(sys.argv[2]))))
