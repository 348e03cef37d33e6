"""commands: how long ``perdure --help`` takes, and how soon ``perdure runs tail`` shows what is stored."""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING

from bench.commands import PROGRAM, plain_environment, time_command
from bench.measures import find_percentile, now
from bench.workloads.repetition import repeat, write_url
from perdure import IO, Client, invoke_trigger

if TYPE_CHECKING:
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings

HELPS = 10
LINES = 100
PAUSE_SECONDS = 0.1

client = Client(id="commands")
stored_at: dict[str, float] = {}
"""When a step was stored, by its key: its result is given back after the commit."""

goes_on = asyncio.Event()


@client.job(id="paced", version="1.0.0", trigger=invoke_trigger())
async def paced(payload: dict[str, int], io: IO) -> None:
    """Store steps, with pauses between them, once somebody follows."""
    await goes_on.wait()
    for number in range(payload["steps"]):
        key = f"step-{number}"
        await io.run_task(key, lambda: None)
        stored_at[key] = now()
        await asyncio.sleep(PAUSE_SECONDS)


async def run(settings: Settings) -> Result:
    """Measure ``help_ms`` and ``help_cpu_ms``, whole processes; and from a commit to the line that shows it.

    Args:
        settings: How to run it.

    Returns:
        The medians of these, ``tail_p50_ms`` and ``tail_p95_ms``; the line is read at the other end of a pipe.
    """
    lines = settings.count(LINES)

    async def measure(path: Path) -> Figures:
        return await measure_help(settings.count(HELPS)) | await measure_tail(path, lines)

    return await repeat("commands", measure, settings, lines=lines)


async def measure_help(times: int) -> Figures:
    """Ask for help so many times."""
    before = _used()
    took = await time_command("--help", times=times)
    return {"help_ms": took, "help_cpu_ms": (_used() - before) / times * 1000}


async def measure_tail(path: Path, lines: int) -> Figures:
    """Follow a run that stores so many steps."""
    goes_on.clear()
    stored_at.clear()
    url = write_url(path)
    took: list[float] = []
    async with client.start(database_url=url):
        handle = await client.invoke(paced, {"steps": lines})
        process = await asyncio.create_subprocess_exec(
            *(PROGRAM, "runs", "tail", handle.id, "--database-url", url),
            stdout=asyncio.subprocess.PIPE,
            env=plain_environment(),
        )
        assert process.stdout is not None
        async for line in process.stdout:
            arrived = now()
            goes_on.set()
            key = line.decode().split("\t")[3]
            if key in stored_at:
                took.append((arrived - stored_at[key]) * 1000)
        if await process.wait() or len(took) != lines:
            raise RuntimeError(f"{len(took)} lines instead of {lines}")
    return {"tail_p50_ms": find_percentile(took, 50), "tail_p95_ms": find_percentile(took, 95)}


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
