"""The workflows that are measured."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from dbos import DBOS

from bench.appendlog import AppendLog
from bench.measures import now

# W7 names the log of executed steps here; without it steps do nothing at all.
STEP_LOG_VARIABLE = "BENCH_STEP_LOG"
_log = AppendLog(Path(os.environ[STEP_LOG_VARIABLE])) if STEP_LOG_VARIABLE in os.environ else None

# When each workflow reached user code, by its key; the driver is the same process.
reached: dict[str, float] = {}


@DBOS.step()
async def step(number: int) -> dict[str, object]:
    """Return a small dict."""
    if _log is not None:
        _log.add(str(DBOS.workflow_id), number)
    return {"ok": True, "n": number}


@DBOS.step()
def step_in_thread(number: int) -> dict[str, object]:
    """Return a small dict, from a plain function."""
    return {"ok": True, "n": number}


@DBOS.workflow()
async def run_in_order(steps: int) -> int:
    """Do steps one after another."""
    for number in range(steps):
        await step(number)
    return steps


@DBOS.workflow()
def run_in_order_in_thread(steps: int) -> int:
    """Do steps one after another, from a plain function."""
    for number in range(steps):
        step_in_thread(number)
    return steps


@DBOS.workflow()
async def run_in_parallel(steps: int) -> int:
    """Do steps all at once."""
    return len(await asyncio.gather(*(step(number) for number in range(steps))))


@DBOS.workflow()
async def reach_first_line(key: str) -> None:
    """Note when the first line runs."""
    reached[key] = now()


@DBOS.workflow()
async def await_signal(key: str) -> None:
    """Note when the wait begins and when the signal has come."""
    reached[f"{key} waits"] = now()
    await DBOS.recv_async("go", timeout_seconds=3600)
    reached[key] = now()


@DBOS.workflow()
async def sleep_an_hour(number: int) -> int:
    """Sleep durably."""
    await DBOS.sleep_async(3600)
    return number
