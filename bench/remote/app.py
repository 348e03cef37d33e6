"""The app that executes the jobs: an ASGI application for uvicorn, which is given the server in its environment."""

from __future__ import annotations

import asyncio
from typing import Any

from bench.measures import now
from bench.workloads.jobs import client
from perdure import IO, Context, event_trigger
from perdure.adapters.asgi import AsgiJobs


@client.job(id="tell-first-line", name="First line", version="1.0.0", trigger=event_trigger("tell-first-line"))
async def tell_first_line(payload: dict[str, Any], io: IO, ctx: Context) -> float:
    """Tell when the first line runs."""
    return now()


@client.job(id="blocked", name="Blocked", version="1.0.0", trigger=event_trigger("blocked"), concurrency_limit=1)
async def stay(payload: dict[str, Any], io: IO, ctx: Context) -> None:
    """Take the only place for good, so that runs are started and not executed."""
    await asyncio.sleep(3600)


app = AsgiJobs(client)
