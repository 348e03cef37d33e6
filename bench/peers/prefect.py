"""Prefect 3: its own server on SQLite, flows run in this process, task results kept in local files.

Its SQLite is WAL with ``synchronous=NORMAL``: less durable than the others. ``python -m bench.peers.prefect W1 W3``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.measures import now, summarize_latencies
from bench.processes import running, unwind_on_sigterm
from bench.result import Figures, Result, find_versions
from bench.settings import DATA, fresh_folder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PORT = 4200

QUIET = {
    "PREFECT_API_URL": f"http://127.0.0.1:{PORT}/api",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}


async def measure_w1(flows: Any) -> Figures:
    """Do one run of 1,000 steps."""
    start = now()
    await flows.run_in_order(1000)
    return {"steps_per_s": 1000 / (now() - start)}


async def measure_w2(flows: Any) -> Figures:
    """Do 20 runs of ten steps, at most 20 at once: a thousand would take most of an hour."""
    start = now()
    await asyncio.gather(*(flows.run_in_order(10) for _ in range(20)))
    wall = now() - start
    return {"wall_s": wall, "runs_per_s": 20 / wall, "steps_per_s": 200 / wall}


async def measure_w3(flows: Any) -> Figures:
    """Call 100 flows one at a time, in process."""
    latencies: list[float] = []
    for _ in range(100):
        start = now()
        latencies.append(await flows.reach_first_line() - start)
    return summarize_latencies(latencies)


async def measure_w6(flows: Any) -> Figures:
    """Do one run with 300 parallel steps."""
    start = now()
    await flows.run_in_parallel(300)
    return {"steps_per_s": 300 / (now() - start)}


WORKLOADS: dict[str, Callable[[Any], Awaitable[Figures]]] = {
    "W1": measure_w1,
    "W2": measure_w2,
    "W3": measure_w3,
    "W6": measure_w6,
}


async def measure(workload: str) -> Result:
    """Measure one workload on an empty server.

    Args:
        workload: A key of ``WORKLOADS``.

    Returns:
        Its figures, from one run.
    """
    # Prefect reads the environment when it is imported.
    from bench.peers import prefect_flows as flows

    await flows.run_in_order(2)
    figures = await WORKLOADS[workload](flows)
    return Result(
        system="prefect-sqlite",
        workload=workload,
        figures=figures,
        settings={"journal_mode": "wal", "synchronous": "normal"},
        versions=find_versions(["prefect"]),
    )


def main() -> None:
    """Measure each workload and print its result."""
    parser = argparse.ArgumentParser(description="Measure Prefect.")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", default=["W1", "W3", "W6"])
    workloads = parser.parse_args().workloads
    unwind_on_sigterm()
    with fresh_folder(DATA) as folder:
        os.environ.update(QUIET | {"PREFECT_HOME": str(folder)})
        prefect = Path(sys.executable).parent / "prefect"
        command = [prefect, "server", "start", "--host", "127.0.0.1", "--port", str(PORT)]
        with running(command, port=PORT, output=folder / "server.log"):
            for workload in workloads:
                asyncio.run(measure(workload)).emit()


if __name__ == "__main__":
    main()
