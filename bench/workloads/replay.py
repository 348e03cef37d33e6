"""replay: a run of 1,000 steps is executed again from the top, every step answered from what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.workloads.jobs import client, passages, run_and_replay
from bench.workloads.ledger import WAIT_ENDS, open_ledger
from bench.workloads.repetition import repeat, write_url

if TYPE_CHECKING:
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings


async def run(settings: Settings) -> Result:
    """Measure the execution that follows a wait when no coroutine was kept.

    Args:
        settings: How to run it.

    Returns:
        ``replay_ms``, from the first line to the line after the last stored step, and ``resume_ms``, from the
        instant at which the wait was over to that line.
    """
    steps = settings.count(1000)

    async def measure(path: Path) -> Figures:
        passages.clear()
        async with client.start(database_url=write_url(path), force_replay=True):
            handle = await client.invoke(run_and_replay, {"steps": steps})
            executions = await handle.result(timeout=60)
        if executions != 2:
            raise RuntimeError(f"{executions} executions instead of 2")
        with open_ledger(path) as ledger:
            ledger.check_steps(runs=1, steps=steps)
            due_at = ledger.read(WAIT_ENDS) / 1000
        replay = passages[-1]
        return {"replay_ms": replay.seconds * 1000, "resume_ms": (replay.ended_at - due_at) * 1000}

    return await repeat("replay", measure, settings)
