"""W7: the endpoint is killed half-way through W2's steps, and a second one finishes them. The server lives on."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.appendlog import count_lines, read_executions
from bench.measures import now
from bench.peers.restate.endpoint import STEP_LOG_VARIABLE
from bench.peers.restate.installation import installed, start_endpoint
from bench.processes import kill, poll_until

if TYPE_CHECKING:
    from bench.result import Figures


async def survive_a_kill(kind: str) -> Figures:
    """Kill the endpoint at 5,000 of 10,000 steps, and time from its restart to the last run's end.

    Args:
        kind: How the endpoint is served.

    Returns:
        ``restart_to_done_s``, ``executed_twice``, and what they were taken from.

    Raises:
        RuntimeError: Not every step was executed.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "steps"
        environment = {STEP_LOG_VARIABLE: str(log)}
        async with installed(kind, endpoint=environment) as restate:
            warm = count_lines(log)
            sending = asyncio.gather(
                *(restate.call("run_in_order", {"steps": 10, "key": f"run-{n}"}, send=True) for n in range(1000))
            )
            await poll_until(lambda: count_lines(log) - warm >= 5000, every=0.002)
            kill(restate.endpoint)
            killed_at, restarted_at = count_lines(log) - warm, now()
            restate.endpoint = start_endpoint(kind, environment=environment)
            await asyncio.gather(*(restate.await_invocation(answer["invocationId"]) for answer in await sending))
            wall = now() - restarted_at
        executions = read_executions(log)
    if executions.distinct - warm != 10_000:
        raise RuntimeError(f"{executions.distinct - warm} of 10,000 steps were executed")
    return {"restart_to_done_s": wall, "executed_twice": executions.executed_twice, "killed_at_steps": killed_at}
