"""Times, memory, processor time and bytes on disk. Memory and processor time are read from ``/proc``: Linux only."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# CLOCK_MONOTONIC on Linux, so it can be compared between processes of one machine.
now = time.perf_counter

MIB = 2**20


def find_percentile(values: Sequence[float], percent: float) -> float:
    """Find the value below which a share of the values lies.

    Args:
        values: At least one number, in any order.
        percent: From 0 to 100.

    Returns:
        The nearest of the values; nothing is interpolated.
    """
    ordered = sorted(values)
    return ordered[round(percent / 100 * (len(ordered) - 1))]


def summarize_latencies(seconds: Sequence[float]) -> dict[str, float]:
    """Reduce latencies to the figures that are reported.

    Args:
        seconds: Each latency, in seconds.

    Returns:
        ``p50_ms``, ``p95_ms``, ``p99_ms``, ``max_ms`` in milliseconds, and ``n``, their number.
    """
    shares = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}
    figures: dict[str, float] = {name: round(find_percentile(seconds, at) * 1e3, 3) for name, at in shares.items()}
    return figures | {"n": len(seconds)}


def list_family(pid: int) -> list[int]:
    """List a process and all its descendants.

    Args:
        pid: The process.

    Returns:
        Process ids, the given one first; a process that ended meanwhile is left out.
    """
    family = [pid]
    for member in family:
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                family.extend(int(child) for child in children.read_text().split())
            except OSError:
                continue
    return family


def measure_memory(pid: int | None = None) -> float:
    """Measure the resident memory of a process and its descendants.

    Args:
        pid: The process; this one if ``None``.

    Returns:
        MiB. Pages that processes share are counted once for each.
    """
    pages = 0
    for member in list_family(pid if pid is not None else os.getpid()):
        try:
            pages += int(Path(f"/proc/{member}/statm").read_text().split()[1])
        except OSError:
            continue
    return round(pages * os.sysconf("SC_PAGE_SIZE") / MIB, 1)


def measure_cpu(pid: int | None = None) -> float:
    """Measure the processor time that a process and its living descendants have used.

    Args:
        pid: The process; this one if ``None``.

    Returns:
        Seconds, of user and system time together.
    """
    ticks = 0
    for member in list_family(pid if pid is not None else os.getpid()):
        try:
            # The second field, the command's name, may itself hold spaces.
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure_sqlite_bytes(path: Path) -> int:
    """Measure a SQLite database on disk, with its write-ahead log or journal.

    Args:
        path: The database file.

    Returns:
        Bytes; 0 if there is no such file.
    """
    files = (Path(f"{path}{suffix}") for suffix in ("", "-wal", "-journal"))
    return sum(file.stat().st_size for file in files if file.exists())


def measure_folder_bytes(folder: Path) -> int:
    """Measure all files below a folder.

    Args:
        folder: Where to look.

    Returns:
        Bytes, by the files' sizes: a pre-allocated file counts in full.
    """
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
