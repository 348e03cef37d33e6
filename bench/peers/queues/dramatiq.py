"""Dramatiq on Redis: one process of eight threads."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.peers.queues.redis_url import REDIS_VARIABLE, take_redis_url
from bench.peers.queues.workload import Queue, measure, note_start

# The actor is bound to its broker when it is declared.
if __name__ == "__main__":
    take_redis_url()
dramatiq.set_broker(RedisBroker(url=os.environ[REDIS_VARIABLE]))


@dramatiq.actor(actor_name="job")
def job() -> None:
    """Note the start."""
    note_start()


def main() -> None:
    """Measure it."""
    worker = [Path(sys.executable).parent / "dramatiq", "bench.peers.queues.dramatiq", "-p", "1", "-t", "8"]
    queue = Queue(
        name="dramatiq-redis",
        send=job.send,
        worker=worker,
        packages=["dramatiq", "redis"],
        settings={"processes": 1, "threads": 8},
    )
    measure(queue)


if __name__ == "__main__":
    main()
