"""What this machine allows the embedded write path: one writer thread, group commit, two tables.

The write path itself is ``barewriter``. There is no engine here, no timer and no retry, so a result can be given as a
fraction of this one. Run it beside every measurement, on the same disk: ``python -m bench.ceiling [W1 W2 commits]``
prints one JSON object for each.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import msgspec

from bench.barewriter import FINISH_RUN, INSERT_RUN, INSERT_TASK, SCHEMA, Writer
from bench.measures import now
from bench.result import Figures, Result, find_versions, take_median
from bench.settings import DATA, fresh_folder, name_loop, run_on_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


async def body() -> dict[str, Any]:
    """Do what every step of every workload does.

    Returns:
        A small dict.
    """
    return {"ok": True, "n": 1}


async def run_step(writer: Writer, run: str, key: str) -> object:
    """Do one durable step: hash its key, call its body, record the result, read it back from its JSON.

    Args:
        writer: Where to record it.
        run: The run's id.
        key: The step's key.

    Returns:
        The result.
    """
    digest = hashlib.sha256(f"{run}::{key}".encode()).hexdigest()
    text = encode(await body())
    await writer.write(INSERT_TASK, run, digest, key, text.decode(), time.time())
    return decode(text)


async def run_job(writer: Writer, number: int) -> None:
    """Do one run of ten steps, with the two writes that begin and end a run.

    Args:
        writer: Where to record it.
        number: The run's number.
    """
    run = f"run_{number:08d}"
    await writer.write(INSERT_RUN, run)
    for step in range(10):
        await run_step(writer, run, f"k{step}")
    await writer.write(FINISH_RUN, "{}", run)


async def measure_w1(folder: Path) -> Figures:
    """Do 2,000 steps one after another.

    Twice as many as W1 has: a write-ahead log is slower while its file still grows, and the ceiling is to be what the
    machine allows once that is over.

    Args:
        folder: An empty folder.

    Returns:
        ``steps_per_s``.
    """
    writer = Writer(folder / "ceiling.db")
    start = now()
    for step in range(2000):
        await run_step(writer, "run_00000000", f"k{step}")
    wall = now() - start
    check_recorded(writer.close(), 2000)
    return {"steps_per_s": 2000 / wall}


async def measure_w2(folder: Path) -> Figures:
    """Do 1,000 runs of ten steps, all at once.

    Args:
        folder: An empty folder.

    Returns:
        ``wall_s``, ``runs_per_s`` and ``steps_per_s``.
    """
    writer = Writer(folder / "ceiling.db")
    start = now()
    await asyncio.gather(*(run_job(writer, number) for number in range(1000)))
    wall = now() - start
    check_recorded(writer.close(), 10_000)
    return {"wall_s": wall, "runs_per_s": 1000 / wall, "steps_per_s": 10_000 / wall}


async def measure_commits(folder: Path) -> Figures:
    """Commit single rows for 1.5 seconds, on the thread that asks for them.

    Args:
        folder: An empty folder.

    Returns:
        ``commits_per_s``.
    """
    database = apsw.Connection(str(folder / "commits.db"))
    database.execute(SCHEMA).fetchall()
    start, count = now(), 0
    while now() - start < 1.5:
        database.execute(INSERT_TASK, ("run", str(count), "s", "x" * 200, 1.0))
        count += 1
    wall = now() - start
    database.close()
    return {"commits_per_s": count / wall}


def check_recorded(recorded: int, expected: int) -> None:
    """Refuse to report a figure for work that was not done.

    Args:
        recorded: Results found in the database.
        expected: Results that should be there.

    Raises:
        RuntimeError: They differ.
    """
    if recorded != expected:
        raise RuntimeError(f"{recorded} results recorded instead of {expected}")


MEASUREMENTS: dict[str, Callable[[Path], Awaitable[Figures]]] = {
    "commits": measure_commits,
    "W1": measure_w1,
    "W2": measure_w2,
}


async def measure(workload: str, *, repetitions: int, base: Path) -> Result:
    """Repeat one measurement, each time on a fresh database.

    Args:
        workload: A key of ``MEASUREMENTS``.
        repetitions: How often.
        base: A folder on the disk to be measured.

    Returns:
        The medians.
    """
    runs: list[Figures] = []
    for _ in range(repetitions):
        with fresh_folder(base) as folder:
            runs.append(await MEASUREMENTS[workload](folder))
    return Result(
        system="ceiling",
        workload=workload,
        figures=take_median(runs),
        runs=runs,
        settings={"storage": "sqlite", "loop": name_loop(), "repetitions": repetitions},
        versions=find_versions(["apsw", "msgspec", "uvloop"]),
    )


def main() -> None:
    """Measure the workloads named on the command line."""
    parser = argparse.ArgumentParser(description="Measure the bare write path on this machine.")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", default=list(MEASUREMENTS))
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=DATA, help="on the disk to be measured")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.workloads) - set(MEASUREMENTS)):
        parser.error(f"no such workload: {', '.join(unknown)}")
    for workload in arguments.workloads:
        run_on_loop(measure(workload, repetitions=arguments.repetitions, base=arguments.folder)).emit()


if __name__ == "__main__":
    main()
