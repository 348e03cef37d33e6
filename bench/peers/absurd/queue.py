"""An empty queue and its workers, as the driver sees them."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from absurd_sdk import AsyncAbsurd

from bench.measures import measure_cpu
from bench.peers.absurd.tasks import QUEUE
from bench.processes import kill, poll_until, start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator, Mapping

SIZE = """
SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'absurd' AND c.relkind = 'r'
"""


@dataclass(frozen=True, kw_only=True)
class Crew:
    """How the workers are run.

    Attributes:
        processes: How many workers.
        tasks_at_once: How many tasks each claims.
        claim_timeout: Seconds until a dead worker's tasks are taken over.
    """

    processes: int = 2
    tasks_at_once: int = 50
    claim_timeout: int = 120

    def start(self, database: str, *, environment: Mapping[str, str] | None = None) -> list[subprocess.Popen[bytes]]:
        """Start the workers."""
        words = [database, str(self.tasks_at_once), str(self.claim_timeout)]
        command = [sys.executable, "-m", "bench.peers.absurd.tasks", *words]
        return [start(command, environment=environment) for _ in range(self.processes)]


@dataclass(kw_only=True)
class Queue:
    """A queue with workers at work on it.

    Attributes:
        database: The database's URL.
        absurd: The SDK's client.
        reader: A connection that looks at Absurd's tables.
        workers: The workers' processes; W7 puts others in their place.
    """

    database: str
    absurd: AsyncAbsurd
    reader: psycopg.Connection[Any]
    workers: list[subprocess.Popen[bytes]]

    async def spawn(self, task: str, **request: Any) -> str:
        """Start a task; return its id."""
        spawned = await self.absurd.spawn(task, request, queue=QUEUE)
        return str(spawned["task_id"])

    def read(self, query: str, *values: Any) -> Any:
        """Read one value, or ``None`` where there is no row."""
        row = self.reader.execute(query, values).fetchone()
        return row[0] if row is not None else None

    def count(self, state: str) -> int:
        """Count the tasks in a state."""
        return int(self.read(f"SELECT count(*) FROM absurd.t_{QUEUE} WHERE state = %s", state))

    def count_waits(self) -> int:
        """Count the waits for events."""
        return int(self.read(f"SELECT count(*) FROM absurd.w_{QUEUE}"))

    def count_results(self) -> int:
        """Count the recorded step results."""
        return int(self.read(f"SELECT count(*) FROM absurd.c_{QUEUE} WHERE checkpoint_name LIKE 's%%'"))

    async def wait_for_completed(self, number: int) -> None:
        """Wait until so many tasks have been completed."""
        await poll_until(lambda: self.count("completed") >= number, every=0.01)

    async def wait_for_result(self, task: str) -> float:
        """Wait for a task's result: an instant."""
        query = f"SELECT completed_payload FROM absurd.t_{QUEUE} WHERE task_id = %s AND state = 'completed'"
        await poll_until(lambda: self.read(query, task) is not None, every=0.002)
        return float(self.read(query, task))

    def measure_bytes(self) -> int:
        """Measure Absurd's tables with their indexes."""
        return int(self.read(SIZE))

    def measure_cpu(self) -> float:
        """Measure the workers' processor time, in seconds."""
        return sum(measure_cpu(worker.pid) for worker in self.workers)

    def kill_workers(self) -> None:
        """Kill all workers."""
        for worker in self.workers:
            kill(worker)


@asynccontextmanager
async def opened(database: str, crew: Crew, *, environment: Mapping[str, str] | None = None) -> AsyncIterator[Queue]:
    """Keep an empty queue and its workers for the length of a block.

    Args:
        database: A database prepared by ``absurdctl init``.
        crew: How to run the workers.
        environment: Variables for the workers.

    Yields:
        The queue.
    """
    absurd = AsyncAbsurd(database, queue_name=QUEUE)
    if QUEUE in await absurd.list_queues():
        await absurd.drop_queue(QUEUE)
    await absurd.create_queue(QUEUE)
    with psycopg.connect(database, autocommit=True) as reader:
        workers = crew.start(database, environment=environment)
        queue = Queue(database=database, absurd=absurd, reader=reader, workers=workers)
        try:
            await asyncio.sleep(1.5)
            yield queue
        finally:
            queue.kill_workers()
