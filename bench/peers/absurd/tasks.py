"""A worker: ``python -m bench.peers.absurd.tasks DATABASE TASKS_AT_ONCE CLAIM_TIMEOUT``."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from absurd_sdk import AsyncAbsurd

from bench.appendlog import AppendLog
from bench.measures import now

QUEUE = "bench"
POLL_S = 0.25

STEP_LOG_VARIABLE = "BENCH_STEP_LOG"
_log = AppendLog(Path(os.environ[STEP_LOG_VARIABLE])) if STEP_LOG_VARIABLE in os.environ else None


async def run_in_order(request: dict[str, Any], ctx: Any) -> int:
    """Do steps one after another."""

    async def do_step(number: int) -> dict[str, Any]:
        if _log is not None:
            _log.add(request.get("key", ""), number)
        return {"ok": True, "n": number}

    for number in range(request["steps"]):
        # The step's function is called within this very turn of the loop.
        await ctx.step("s", lambda number=number: do_step(number))
    return request["steps"]


async def reach_first_line(request: dict[str, Any], ctx: Any) -> float:
    """Return when the first line runs."""
    return now()


async def await_signal(request: dict[str, Any], ctx: Any) -> float:
    """Wait for an event; return when it came."""
    await ctx.await_event(request["key"])
    return now()


async def sleep_an_hour(request: dict[str, Any], ctx: Any) -> int:
    """Sleep durably."""
    await ctx.sleep_for("z", 3600)
    return 1


async def work(database: str, *, tasks_at_once: int, claim_timeout: int) -> None:
    """Execute tasks until the process is ended.

    Args:
        database: The database's URL.
        tasks_at_once: How many tasks to claim at once.
        claim_timeout: Seconds after which another worker may take over; Absurd's default is 120.
    """
    absurd = AsyncAbsurd(database, queue_name=QUEUE)
    for task in (run_in_order, reach_first_line, await_signal, sleep_an_hour):
        absurd.register_task(name=task.__name__)(task)
    await absurd.start_worker(concurrency=tasks_at_once, poll_interval=POLL_S, claim_timeout=claim_timeout)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], tasks_at_once=int(sys.argv[2]), claim_timeout=int(sys.argv[3])))
