"""The command line of ``python -m bench``."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from bench.settings import DATA, STORAGES, TRANSPORTS, Settings

# The module of each workload in ``bench.workloads``.
WORKLOADS = {
    "W1": "w1",
    "W2": "w2",
    "W3": "w3",
    "W4": "w4",
    "W5": "w5",
    "W5M": "w5m",
    "W6": "w6",
    "W7": "w7",
    "KV": "kv",
    "FETCH": "fetch",
    "TIMERS": "timers",
    "replay": "replay",
    "import": "import_time",
    "dev": "dev",
    "commands": "commands",
}

# Those with a server and an app in processes of their own: the module and function of each in ``bench.remote``.
REMOTE = {
    "W1": ("steps", "run_w1"),
    "W2": ("steps", "run_w2"),
    "W3": ("first_line", "run_w3"),
    "NPM": ("npm", "run_npm"),
    "INGEST": ("ingest", "run_ingest"),
    "SLEEPERS": ("sleepers", "run_sleepers"),
}

# Those of them that a worker can execute.
WORKER = ("W1", "W2", "W3")

NAMES = tuple(dict.fromkeys([*WORKLOADS, *REMOTE]))


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What was asked for.

    Attributes:
        workloads: Of ``NAMES``, in order.
        others: Whether to measure the ceiling and the peers, too.
        table: Whether to print a table instead of JSON lines.
        settings: How to run the workloads.
    """

    workloads: tuple[str, ...]
    others: bool
    table: bool
    settings: Settings


def read_arguments(words: list[str] | None = None) -> Arguments:
    """Read the command line.

    Args:
        words: The arguments; those of the process if ``None``.

    Returns:
        What was asked for.
    """
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure perdure.")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(NAMES))
    parser.add_argument("--all", action="store_true", help="every workload, the ceiling, and the peers that are set up")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print JSON, one object a line (the default)")
    shape.add_argument("--table", action="store_true", help="print one table with ratios")
    parser.add_argument("--storage", choices=STORAGES, default="sqlite")
    parser.add_argument("--transport", choices=TRANSPORTS, default="direct", help=", ".join(REMOTE))
    parser.add_argument("--plain", action="store_true", help="W1 and W2 with jobs that are plain functions")
    parser.add_argument("--repetitions", type=int, default=3, help="of each short workload (default: 3)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiply the numbers of runs and steps")
    parser.add_argument("--folder", type=Path, default=DATA, help="where databases are made, on the disk to measure")
    given = parser.parse_args(words)
    if unknown := sorted(set(given.workloads) - set(NAMES)):
        parser.error(f"no such workload: {', '.join(unknown)}")
    if bool(given.workloads) == given.all:
        parser.error("name some workloads, or ask for --all")
    every = {"direct": NAMES, "http": tuple(REMOTE), "worker": WORKER}[given.transport]
    if local := sorted(set(given.workloads) - set(every)):
        parser.error(f"not with --transport {given.transport}: {', '.join(local)}")
    if given.transport != "direct" and given.plain:
        parser.error("--plain is for jobs in the engine's own process")
    settings = Settings(
        storage=given.storage,
        transport=given.transport,
        plain=given.plain,
        repetitions=given.repetitions,
        scale=given.scale,
        folder=given.folder,
    )
    workloads = every if given.all else tuple(given.workloads)
    return Arguments(workloads=workloads, others=given.all, table=given.table, settings=settings)
