"""The service that is measured, as an ASGI application."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import restate

from bench.appendlog import AppendLog
from bench.measures import now

# No `from __future__ import annotations` here: the SDK reads the handlers' annotations as objects.

# Where steps note that they are executed (W7 only), and where handlers note what the driver waits for.
STEP_LOG_VARIABLE = "BENCH_STEP_LOG"
NOTES_VARIABLE = "BENCH_NOTES"
_log = AppendLog(Path(os.environ[STEP_LOG_VARIABLE])) if STEP_LOG_VARIABLE in os.environ else None
_notes = AppendLog(Path(os.environ.get(NOTES_VARIABLE, os.devnull)))

service = restate.Service("bench")


async def step(number: int, key: str = "") -> dict[str, Any]:
    """Return a small dict."""
    if _log is not None:
        _log.add(key, number)
    return {"ok": True, "n": number}


@service.handler()
async def run_in_order(ctx: restate.Context, request: dict[str, Any]) -> int:
    """Do steps one after another."""
    for number in range(request["steps"]):
        await ctx.run_typed("s", step, restate.RunOptions(), number, request.get("key", ""))
    return request["steps"]


@service.handler()
async def run_in_parallel(ctx: restate.Context, request: dict[str, Any]) -> int:
    """Do steps all at once."""
    steps = [ctx.run_typed("s", step, restate.RunOptions(), number) for number in range(request["steps"])]
    await restate.gather(*steps)
    return len(steps)


@service.handler()
async def reach_first_line(ctx: restate.Context, request: dict[str, Any]) -> float:
    """Return when the first line runs."""
    return now()


@service.handler()
async def await_signal(ctx: restate.Context, request: dict[str, Any]) -> float:
    """Wait for a signal; return when it came."""
    awakeable, signal = ctx.awakeable()
    _notes.add(request["key"], awakeable)
    await signal
    return now()


@service.handler()
async def sleep_an_hour(ctx: restate.Context, request: dict[str, Any]) -> int:
    """Sleep durably."""
    _notes.add("sleeper")
    await ctx.sleep(timedelta(hours=1))
    return 1


app = restate.app(services=[service])
