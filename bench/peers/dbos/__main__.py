"""Measure DBOS on the workloads named on the command line."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import Any

from bench.peers.dbos.crash import run_crash_child, survive_a_kill
from bench.peers.dbos.database import STORAGES, Database, fresh_database, launched
from bench.peers.dbos.workloads import SYNC_WORKLOADS, WORKLOADS
from bench.processes import unwind_on_sigterm
from bench.result import Figures, Result, find_versions, take_median
from bench.settings import run_on_loop

# These take minutes, so they run once.
LONG = ("W4", "W5", "W7")


def measure(workload: str, *, storage: str, server: str | None, repetitions: int, sync: bool, uvloop: bool) -> Result:
    """Repeat one workload, each time on a fresh database.

    Args:
        workload: A key of ``WORKLOADS``, or ``W7``.
        storage: One of ``STORAGES``.
        server: The URL of a PostgreSQL server, for ``postgres``.
        repetitions: How often, if it is not a long one.
        sync: Whether to use plain functions; only for ``SYNC_WORKLOADS``.
        uvloop: Whether to run on uvloop instead of asyncio's own loop.

    Returns:
        The medians.
    """
    workloads = SYNC_WORKLOADS if sync else WORKLOADS
    run = run_on_loop if uvloop else asyncio.run
    runs: list[Figures] = []
    durability: dict[str, Any] = {}
    for _ in range(1 if workload in LONG else repetitions):
        with fresh_database(storage, server=server) as database:
            if workload == "W7":
                runs.append(survive_a_kill(database))
                continue
            with launched(database):
                durability = database.describe_durability()
                runs.append(run(workloads[workload](database)))
    return Result(
        system=f"dbos-{storage}{'-sync' if sync else ''}",
        workload=workload,
        figures=take_median(runs),
        runs=runs,
        settings={"storage": storage, "loop": "uvloop" if uvloop else "asyncio", **durability},
        versions=find_versions(["dbos", "sqlalchemy", "psycopg", "uvloop"]),
    )


def main() -> None:
    """Measure each workload and print its result."""
    parser = argparse.ArgumentParser(description="Measure DBOS.")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", default=["W1", "W2"])
    parser.add_argument("--storage", choices=STORAGES, default="sqlite-wal")
    parser.add_argument("--server", help="postgresql://… without a database, for --storage postgres")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--sync", action="store_true", help="use plain functions (W1 and W2 only)")
    parser.add_argument("--uvloop", action="store_true", help="run on uvloop; DBOS's own default is asyncio")
    parser.add_argument("--crash-child", metavar="URL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unwind_on_sigterm()
    if arguments.crash_child:
        database = Database(storage=arguments.storage, url=arguments.crash_child)
        with launched(database):
            asyncio.run(run_crash_child())
    else:
        for workload in arguments.workloads:
            result = measure(
                workload,
                storage=arguments.storage,
                server=arguments.server,
                repetitions=arguments.repetitions,
                sync=arguments.sync,
                uvloop=arguments.uvloop,
            )
            result.emit()
    # DBOS's threads may wait for sleeping workflows for an hour.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
