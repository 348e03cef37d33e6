"""The jobs that are measured, and the client that holds them."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.appendlog import AppendLog
from bench.measures import now
from perdure import IO, Client, Context, SyncIO, event_trigger

client = Client(id="bench")

# W7 names the log of executed steps here; without it steps do nothing at all.
STEP_LOG_VARIABLE = "BENCH_STEP_LOG"
_log = AppendLog(Path(os.environ[STEP_LOG_VARIABLE])) if STEP_LOG_VARIABLE in os.environ else None

# When each run reached user code, by its key; the driver is the same process.
reached: dict[str, float] = {}

# The number of steps of each run in order that has come to its last line.
ends: list[int] = []

# How late each alarm was, in seconds; the driver is the same process.
lateness: list[float] = []


@dataclass(frozen=True, kw_only=True)
class Passage:
    """One execution of ``replay``, from its first line to the line after its steps.

    Attributes:
        seconds: How long that took.
        ended_at: When it ended, in seconds since 1970.
    """

    seconds: float
    ended_at: float


passages: list[Passage] = []

# How long each fetch and each step took, in seconds, of each run of ``fetches``.
passages_of_fetches: list[tuple[list[float], list[float]]] = []

# How long each set and each get took, in seconds, of each run of ``values``.
passages_of_values: list[tuple[list[float], list[float]]] = []


async def step() -> dict[str, Any]:
    """Return a small dict."""
    return {"ok": True, "n": 1}


@client.job(id="in-order", name="Steps in order", version="1.0.0", trigger=event_trigger("in-order"))
async def run_in_order(payload: dict[str, Any], io: IO, ctx: Context) -> int:
    """Do steps one after another."""
    steps: int = payload["steps"]
    for number in range(steps):
        await io.run_task(f"s{number}", step)
    ends.append(steps)
    return steps


def plain_step() -> dict[str, Any]:
    """Return a small dict."""
    return {"ok": True, "n": 1}


@client.job(id="plain-in-order", name="Steps in order, plain", version="1.0.0", trigger=event_trigger("plain-in-order"))
def run_plain_in_order(payload: dict[str, Any], io: SyncIO, ctx: Context) -> int:
    """Do steps one after another, in a thread."""
    steps: int = payload["steps"]
    for number in range(steps):
        io.run_task(f"s{number}", plain_step)
    ends.append(steps)
    return steps


@client.job(id="logged", name="Logged steps", version="1.0.0", trigger=event_trigger("logged"))
async def run_logged(payload: dict[str, Any], io: IO, ctx: Context) -> int:
    """Do steps one after another; each notes outside the database that it is executed."""
    if _log is None:
        raise RuntimeError(f"{STEP_LOG_VARIABLE} is not set")
    log, key = _log, payload["key"]

    steps: int = payload["steps"]
    for number in range(steps):

        async def logged_step(number: int = number) -> dict[str, Any]:
            log.add(key, number)
            return {"ok": True, "n": 1}

        await io.run_task(f"s{number}", logged_step)
    return steps


@client.job(id="in-parallel", name="Steps in parallel", version="1.0.0", trigger=event_trigger("in-parallel"))
async def run_in_parallel(payload: dict[str, Any], io: IO, ctx: Context) -> int:
    """Do steps all at once."""
    return len(await asyncio.gather(*(io.run_task(f"s{number}", step) for number in range(payload["steps"]))))


@client.job(id="first-line", name="First line", version="1.0.0", trigger=event_trigger("first-line"))
async def reach_first_line(payload: dict[str, Any], io: IO, ctx: Context) -> None:
    """Note when the first line runs."""
    reached[payload["key"]] = now()


@client.job(id="sleeper", name="Sleeper", version="1.0.0", trigger=event_trigger("sleeper"))
async def sleep_an_hour(payload: dict[str, Any], io: IO, ctx: Context) -> None:
    """Sleep durably."""
    await io.wait("z", 3600)


@client.job(id="alarm", name="Alarm", version="1.0.0", trigger=event_trigger("alarm"))
async def wake_at(payload: dict[str, Any], io: IO, ctx: Context) -> None:
    """Sleep until an instant, then note how late it is, in seconds."""
    due = datetime.fromtimestamp(payload["due"], UTC)
    await io.wait_until("z", due)
    lateness.append(time.time() - payload["due"])


@client.job(id="waiter", name="Waiter", version="1.0.0", trigger=event_trigger("waiter"))
async def wait_for_signal(payload: dict[str, Any], io: IO, ctx: Context) -> int:
    """Wait for a signal of its own."""
    signal = await io.wait_for_event("go", name="signal", filter={"key": [payload["key"]]})
    value: int = signal.payload["value"]
    return value


@client.job(id="replay", name="Replay", version="1.0.0", trigger=event_trigger("replay"))
async def run_and_replay(payload: dict[str, Any], io: IO, ctx: Context) -> int:
    """Do steps, then wait: the execution after the wait answers every step from what is stored."""
    start = now()
    for number in range(payload["steps"]):
        await io.run_task(f"s{number}", step)
    passages.append(Passage(seconds=now() - start, ended_at=time.time()))
    await io.wait("z", 1)
    return len(passages)


@client.job(id="values", name="Values", version="1.0.0", trigger=event_trigger("values"))
async def set_and_get_values(payload: dict[str, Any], io: IO, ctx: Context) -> None:
    """Set values and read them, one call after another."""
    sets: list[float] = []
    gets: list[float] = []
    for number in range(payload["calls"]):
        start = now()
        await io.store.job.set(f"s{number}", f"n{number}", {"n": number})
        between = now()
        await io.store.job.get(f"g{number}", f"n{number}")
        sets.append(between - start)
        gets.append(now() - between)
    passages_of_values.append((sets, gets))


@client.job(id="fetches", name="Fetches", version="1.0.0", trigger=event_trigger("fetches"))
async def fetch_one_by_one(payload: dict[str, Any], io: IO, ctx: Context) -> None:
    """Fetch, and do a step, one after another."""
    fetches: list[float] = []
    steps: list[float] = []
    for number in range(payload["calls"]):
        start = now()
        await io.background_fetch(f"f{number}", payload["url"])
        between = now()
        await io.run_task(f"s{number}", step)
        fetches.append(between - start)
        steps.append(now() - between)
    passages_of_fetches.append((fetches, steps))


@client.job(id="fetch", name="Fetch", version="1.0.0", trigger=event_trigger("fetch"))
async def fetch_once(payload: dict[str, Any], io: IO, ctx: Context) -> Any:
    """Fetch once."""
    return await io.background_fetch("f", payload["url"])
