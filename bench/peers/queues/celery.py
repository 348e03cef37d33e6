"""Celery on Redis: two processes, acknowledged late, no results kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from celery import Celery

from bench.peers.queues.redis_url import REDIS_VARIABLE, take_redis_url
from bench.peers.queues.workload import Queue, measure, note_start

app = Celery("bench.peers.queues.celery", broker=os.environ.get(REDIS_VARIABLE))
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=64,
    broker_connection_retry_on_startup=True,
)


@app.task(name="job")
def job() -> None:
    """Note the start."""
    note_start()


def main() -> None:
    """Measure it."""
    app.conf.broker_url = take_redis_url()
    flags = ["-P", "prefork", "-c", "2", "--without-gossip", "--without-mingle", "-l", "ERROR"]
    worker = [Path(sys.executable).parent / "celery", "-A", "bench.peers.queues.celery", "worker", *flags]
    queue = Queue(
        name="celery-redis",
        send=job.delay,
        worker=worker,
        packages=["celery", "redis"],
        settings={"processes": 2, "acks_late": True, "prefetch": 64},
    )
    measure(queue)


if __name__ == "__main__":
    main()
