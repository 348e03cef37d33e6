"""procrastinate on PostgreSQL: one process, 50 jobs at once.

``--worker`` is the process that executes them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import procrastinate

from bench.peers.queues.workload import Queue, measure, note_start


def declare(app: procrastinate.App) -> procrastinate.tasks.Task:
    """Declare the job on an app."""

    @app.task(name="job")
    async def job() -> None:
        note_start()

    return job


async def work(server: str) -> None:
    """Execute jobs until the process is ended."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=server))
    declare(app)
    async with app.open_async():
        await app.run_worker_async(concurrency=50)


def main() -> None:
    """Measure it on the empty database named on the command line."""
    parser = argparse.ArgumentParser(description="Measure procrastinate.")
    parser.add_argument("database", metavar="URL", help="postgresql://…, an empty database")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        asyncio.run(work(arguments.database))
        return
    app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=arguments.database))
    job = declare(app)
    with app.open():
        app.schema_manager.apply_schema()
        queue = Queue(
            name="procrastinate-postgres",
            send=job.defer,
            worker=[sys.executable, "-m", "bench.peers.queues.procrastinate", arguments.database, "--worker"],
            packages=["procrastinate", "psycopg"],
            settings={"processes": 1, "concurrency": 50},
            jobs=3000,
        )
        measure(queue)


if __name__ == "__main__":
    main()
