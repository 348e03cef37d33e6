"""The flows that are measured; import it only with Prefect's settings in the environment."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import flow, task

from bench.measures import now


@task(persist_result=True)
async def step(number: int) -> dict[str, Any]:
    """Return a small dict."""
    return {"ok": True, "n": number}


@flow(persist_result=True)
async def run_in_order(steps: int) -> int:
    """Do steps one after another."""
    for number in range(steps):
        await step(number)
    return steps


@flow
async def run_in_parallel(steps: int) -> int:
    """Do steps all at once."""
    return len(await asyncio.gather(*(step(number) for number in range(steps))))


@flow
async def reach_first_line() -> float:
    """Return when the first line runs."""
    return now()
