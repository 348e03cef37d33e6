"""The service that is measured, as an ASGI application; the driver asks ``/state`` how far it has come."""

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import restate

from bench.measures import now
from bench.steplog import StepLog

# No `from __future__ import annotations` here: the SDK reads the handlers' annotations as objects.

STEP_LOG_VARIABLE = "BENCH_STEP_LOG"
_log = StepLog(Path(os.environ[STEP_LOG_VARIABLE])) if STEP_LOG_VARIABLE in os.environ else None

Message = MutableMapping[str, Any]

service = restate.Service("bench")
awakeables: dict[str, str] = {}
sleepers: list[None] = []


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
    awakeables[request["key"]], signal = ctx.awakeable()
    await signal
    return now()


@service.handler()
async def sleep_an_hour(ctx: restate.Context, request: dict[str, Any]) -> int:
    """Sleep durably."""
    sleepers.append(None)
    await ctx.sleep(timedelta(hours=1))
    return 1


_handlers = restate.app(services=[service])


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer the driver's question, and leave everything else to Restate."""
    if scope["type"] == "http" and scope["path"] == "/state":
        body = json.dumps({"awakeables": awakeables, "sleepers": len(sleepers)}).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return
    await _handlers(scope, receive, send)
