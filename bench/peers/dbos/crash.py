"""W7: the process is killed half-way through W2's steps, and a second one finishes them."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dbos import DBOS, SetWorkflowID

from bench.appendlog import count_lines, read_executions
from bench.measures import now
from bench.peers.dbos.jobs import STEP_LOG_VARIABLE, run_in_order
from bench.processes import kill, start, wait_until

if TYPE_CHECKING:
    from bench.peers.dbos.database import Database
    from bench.result import Figures


async def run_crash_child() -> None:
    """Start 1,000 runs by id and wait for all.

    The restarted process starts all ids again, as a client that does not know what became of its calls would:
    an id that exists is not run again. Recovery itself begins when DBOS is launched.
    """
    handles = []
    for number in range(1000):
        with SetWorkflowID(f"run-{number}"):
            handles.append(await DBOS.start_workflow_async(run_in_order, 10))
    await asyncio.gather(*(handle.get_result() for handle in handles))


def survive_a_kill(database: Database) -> Figures:
    """Kill a child at 5,000 of 10,000 steps, and time a second child from its start to its end.

    Args:
        database: An empty database.

    Returns:
        ``restart_to_done_s``, ``executed_twice``, and what they were taken from.

    Raises:
        RuntimeError: The second child failed, or not every step was executed.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "steps"
        flags = ["--storage", database.storage, "--crash-child", database.url]
        command = [sys.executable, "-m", "bench.peers.dbos", *flags]
        child = start(command, environment={STEP_LOG_VARIABLE: str(log)})
        wait_until(lambda: count_lines(log) >= 5000, timeout=600, every=0.005, what="5,000 steps")
        kill(child)
        killed_at, restarted_at = count_lines(log), now()
        child = start(command, environment={STEP_LOG_VARIABLE: str(log)})
        status = child.wait(600)
        wall = now() - restarted_at
        executions = read_executions(log)
    if status != 0 or executions.distinct != 10_000:
        raise RuntimeError(f"restarted child ended with {status} after {executions.distinct} of 10,000 steps")
    return {"restart_to_done_s": wall, "executed_twice": executions.executed_twice, "killed_at_steps": killed_at}
