"""taskiq on Redis streams, which are acknowledged: one process, 200 tasks at once."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from taskiq_redis import RedisStreamBroker

from bench.peers.queues.redis_url import REDIS_VARIABLE, take_redis_url
from bench.peers.queues.workload import Queue, measure, note_start

# The task is bound to its broker when it is declared.
if __name__ == "__main__":
    take_redis_url()
broker = RedisStreamBroker(os.environ[REDIS_VARIABLE])


@broker.task(task_name="job")
async def job() -> None:
    """Note the start."""
    note_start()


def main() -> None:
    """Measure it."""
    flags = ["-w", "1", "--max-async-tasks", "200"]
    with asyncio.Runner() as runner:
        runner.run(broker.startup())
        queue = Queue(
            name="taskiq-redis",
            send=lambda: runner.run(job.kiq()),
            worker=[Path(sys.executable).parent / "taskiq", "worker", "bench.peers.queues.taskiq:broker", *flags],
            packages=["taskiq", "taskiq-redis", "redis"],
            settings={"processes": 1, "async_tasks": 200},
        )
        measure(queue)
        runner.run(broker.shutdown())


if __name__ == "__main__":
    main()
