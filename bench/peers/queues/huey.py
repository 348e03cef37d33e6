"""Huey, on SQLite (WAL, ``synchronous=FULL``) or on Redis: four threads."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from huey import RedisHuey, SqliteHuey

from bench.peers.queues.workload import Queue, measure, note_start
from bench.settings import DATA, fresh_folder

# The consumer is started by Huey's own command, which passes on nothing but the environment.
STORE_VARIABLE = "BENCH_HUEY"


def connect(store: str) -> RedisHuey | SqliteHuey:
    """Connect to a Redis by its URL, or to a SQLite file by its path."""
    if store.startswith("redis://"):
        return RedisHuey(url=store, results=False)
    return SqliteHuey(filename=store, results=False, fsync=True)


huey = connect(os.environ[STORE_VARIABLE]) if STORE_VARIABLE in os.environ else None
if huey is not None:

    @huey.task(name="job")
    def job() -> None:
        """Note the start."""
        note_start()


def measure_store(store: str, *, name: str) -> None:
    """Measure Huey on one store.

    Args:
        store: What ``connect`` takes.
        name: The system's name in the table.
    """
    os.environ[STORE_VARIABLE] = store
    # The consumer knows the task by its module, so this process must not call it __main__.
    from bench.peers.queues import huey as module

    consumer = [Path(sys.executable).parent / "huey_consumer", "bench.peers.queues.huey.huey", "-w", "4", "-q"]
    queue = Queue(
        name=name, send=module.job, worker=consumer, packages=["huey", "redis"], settings={"threads": 4, "fsync": True}
    )
    measure(queue)


def main() -> None:
    """Measure it on the store named on the command line."""
    parser = argparse.ArgumentParser(description="Measure Huey.")
    parser.add_argument("--redis", metavar="URL", help="a Redis that fsyncs (default: a SQLite file)")
    redis = parser.parse_args().redis
    if redis is not None:
        measure_store(redis, name="huey-redis")
        return
    with fresh_folder(DATA) as folder:
        measure_store(str(folder / "huey.db"), name="huey-sqlite")


if __name__ == "__main__":
    main()
