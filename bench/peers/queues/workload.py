"""W2q and W3 of a plain queue. A job adds its start time to a file, and the driver watches the file."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.appendlog import AppendLog, count_lines, read_lines
from bench.measures import now, summarize_latencies
from bench.processes import running, wait_until
from bench.result import Figures, Result, find_versions, take_median
from bench.settings import DATA, fresh_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Where the worker's jobs note when they started.
LOG_VARIABLE = "BENCH_JOB_LOG"


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One queue, ready to be measured.

    Attributes:
        name: The system's name in the table.
        send: Enqueues one job; returns once that is durable.
        worker: The command line of its worker.
        packages: What was installed for it.
        settings: How it is run.
        jobs: How many jobs a repetition of W2q has.
    """

    name: str
    send: Callable[[], Any]
    worker: Sequence[str | Path]
    packages: Sequence[str]
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    jobs: int = 10_000


def note_start() -> dict[str, Any]:
    """Do what every job does: note when it started.

    Returns:
        A small dict.
    """
    open_log().add(f"{now():.6f}")
    return {"ok": True, "n": 1}


@cache
def open_log() -> AppendLog:
    """Open the log of this process, once."""
    return AppendLog(Path(os.environ[LOG_VARIABLE]))


def measure(queue: Queue) -> None:
    """Measure a queue and print its results.

    Args:
        queue: The queue; its worker is started here.

    Raises:
        RuntimeError: The worker does not answer.
    """
    with fresh_folder(DATA) as folder:
        log = folder / "jobs"
        os.environ[LOG_VARIABLE] = str(log)
        with running(queue.worker, output=folder / "worker"):
            queue.send()
            wait_until(lambda: count_lines(log) == 1, timeout=40, every=0.01, what="the worker")
            runs = [measure_w2q(queue, log) for _ in range(2)]
            write(queue, "W2q", runs)
            time.sleep(1)
            write(queue, "W3", [measure_w3(queue, log)])


def measure_w2q(queue: Queue, log: Path) -> Figures:
    """Enqueue all jobs from this process, and wait for them."""
    before, start = count_lines(log), now()
    for _ in range(queue.jobs):
        queue.send()
    enqueued = now()
    wait_until(lambda: count_lines(log) >= before + queue.jobs, timeout=150, every=0.005, what="the last job")
    wall = now() - start
    return {"wall_s": wall, "enqueue_s": enqueued - start, "jobs_per_s": queue.jobs / wall}


def measure_w3(queue: Queue, log: Path) -> Figures:
    """Enqueue 300 jobs one at a time."""
    latencies: list[float] = []
    for number in range(300):
        before, start = log.stat().st_size, now()
        queue.send()
        wait_until(lambda before=before: log.stat().st_size > before, timeout=30, every=0.0002, what="a job")
        latencies.append(float(read_lines(log)[-1][0]) - start)
        # So that a queue that polls is not always asked right after its poll.
        time.sleep(0.003 * (number % 10))
    return summarize_latencies(latencies)


def write(queue: Queue, workload: str, runs: list[Figures]) -> None:
    """Print one result of a queue."""
    Result(
        system=queue.name,
        workload=workload,
        figures=take_median(runs),
        runs=runs,
        settings=dict(queue.settings),
        versions=find_versions(queue.packages),
    ).emit()
