"""Measure Absurd on the workloads named on the command line."""

from __future__ import annotations

import argparse
import asyncio

from bench.peers.absurd.queue import Crew, opened
from bench.peers.absurd.tasks import POLL_S
from bench.peers.absurd.workloads import W7_CREW, WORKLOADS, survive_a_kill
from bench.processes import unwind_on_sigterm
from bench.result import Figures, Result, find_versions, take_median

# These take long, so they run once.
LONG = ("W4", "W5", "W7")


async def measure(workload: str, *, database: str, crew: Crew, repetitions: int) -> Result:
    """Repeat one workload, each time on an empty queue.

    Args:
        workload: A key of ``WORKLOADS``, or ``W7``.
        database: The database's URL.
        crew: How to run the workers; W7 has its own.
        repetitions: How often, if it is not a long one.

    Returns:
        The medians.
    """
    runs: list[Figures] = []
    for _ in range(1 if workload in LONG else repetitions):
        if workload == "W7":
            runs.append(await survive_a_kill(database))
            continue
        async with opened(database, crew) as queue:
            runs.append(await WORKLOADS[workload](queue))
    crew = W7_CREW if workload == "W7" else crew
    return Result(
        system="absurd-postgres",
        workload=workload,
        figures=take_median(runs),
        runs=runs,
        settings={**vars(crew), "poll_s": POLL_S},
        versions=find_versions(["absurd-sdk", "psycopg"]),
    )


def main() -> None:
    """Measure each workload and print its result."""
    parser = argparse.ArgumentParser(description="Measure Absurd.")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", default=["W1", "W2"])
    parser.add_argument("--database", required=True, metavar="URL", help="prepared by absurdctl init")
    parser.add_argument("--processes", type=int, default=2, help="workers (default: 2)")
    parser.add_argument("--tasks-at-once", type=int, default=50, help="of each worker (default: 50)")
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    unwind_on_sigterm()
    crew = Crew(processes=arguments.processes, tasks_at_once=arguments.tasks_at_once)
    for workload in arguments.workloads:
        work = measure(workload, database=arguments.database, crew=crew, repetitions=arguments.repetitions)
        asyncio.run(work).emit()


if __name__ == "__main__":
    main()
