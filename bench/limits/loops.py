"""What asyncio's own loop and uvloop do in a second."""

from __future__ import annotations

import asyncio
import os
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from bench.limits.rates import emit
from bench.measures import now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def measure_switches() -> float:
    """Give way to nobody, many times."""
    start = now()
    for _ in range(200_000):
        await asyncio.sleep(0)
    return 200_000 / (now() - start)


async def measure_switches_of_100() -> float:
    """Let 100 tasks give way to each other."""

    async def give_way() -> None:
        for _ in range(2000):
            await asyncio.sleep(0)

    start = now()
    await asyncio.gather(*(give_way() for _ in range(100)))
    return 200_000 / (now() - start)


async def measure_tasks() -> float:
    """Create a task and await it."""

    async def do_nothing() -> None:
        return None

    start = now()
    for _ in range(50_000):
        await asyncio.create_task(do_nothing())
    return 50_000 / (now() - start)


async def measure_wakings() -> float:
    """Await a future that the loop completes."""
    loop = asyncio.get_running_loop()
    start = now()
    for _ in range(100_000):
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        await future
    return 100_000 / (now() - start)


async def measure_idle_task() -> float:
    """Measure the resident bytes of a task that waits."""
    event = asyncio.Event()
    before = read_resident_bytes()
    tasks = [asyncio.create_task(event.wait()) for _ in range(10_000)]
    await asyncio.sleep(0.05)
    grown = read_resident_bytes() - before
    event.set()
    await asyncio.gather(*tasks)
    return grown / 10_000


def read_resident_bytes() -> int:
    """Read this process's resident memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


RATES: dict[str, Callable[[], Awaitable[float]]] = {
    "switches": measure_switches,
    "switches_of_100_tasks": measure_switches_of_100,
    "tasks": measure_tasks,
    "wakings": measure_wakings,
}


def main() -> None:
    """Measure both loops."""
    runners: dict[str, Any] = {"asyncio": asyncio.run, "uvloop": uvloop.run}
    for loop, run in runners.items():
        for name, measure in RATES.items():
            emit(f"loop_{loop}_{name}", per_s=statistics.median(run(measure()) for _ in range(3)))
        emit(f"loop_{loop}_idle_task", bytes=run(measure_idle_task()))


if __name__ == "__main__":
    main()
