"""Measure perdure; see ``README.md``."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.arguments import REMOTE, WORKLOADS, Arguments, read_arguments
from bench.peers.commands import list_commands
from bench.report import read_results, tabulate, write_table
from bench.settings import run_on_loop

if TYPE_CHECKING:
    from bench.result import Result
    from bench.settings import Settings


def measure_here(workload: str, settings: Settings) -> Result:
    """Run one workload in this process.

    Args:
        workload: One of ``NAMES``.
        settings: How to run it.

    Returns:
        Its result.
    """
    if settings.transport != "direct" or workload not in WORKLOADS:
        name, function = REMOTE[workload]
        measure = getattr(importlib.import_module(f"bench.remote.{name}"), function)
        settings = settings if settings.transport != "direct" else replace(settings, transport="http")
    else:
        measure = importlib.import_module(f"bench.workloads.{WORKLOADS[workload]}").run
    result: Result = run_on_loop(measure(settings))
    return result


def list_parts(arguments: Arguments) -> list[list[str]]:
    """Write the command lines that make up what was asked for.

    Each workload gets a process of its own: what one leaves in memory would count against the next.

    Args:
        arguments: What was asked for.

    Returns:
        Command lines; each prints JSON lines.
    """
    settings = arguments.settings
    flags = [
        *("--storage", settings.storage, "--transport", settings.transport, "--folder", str(settings.folder)),
        *(["--plain"] if settings.plain else []),
        *("--repetitions", str(settings.repetitions), "--scale", str(settings.scale)),
    ]
    ours = [[sys.executable, "-m", "bench", workload, *flags] for workload in arguments.workloads]
    if not arguments.others:
        return ours
    ceiling = [sys.executable, "-m", "bench.ceiling", "--folder", str(settings.folder)]
    return [ceiling, *ours, *list_commands()]


def run_part(command: list[str]) -> list[str]:
    """Run a command, passing on what it prints to standard error.

    Args:
        command: Its words.

    Returns:
        The lines it printed; those before a failure if it failed, which is said on standard error.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"{' '.join(command)}: ended with {done.returncode}", file=sys.stderr)
    return done.stdout.splitlines()


def main() -> None:
    """Measure what the command line asks for."""
    arguments = read_arguments()
    if len(arguments.workloads) == 1 and not arguments.table and not arguments.others:
        measure_here(arguments.workloads[0], arguments.settings).emit()
        return
    lines: list[str] = []
    for command in list_parts(arguments):
        printed = run_part(command)
        lines.extend(printed)
        if not arguments.table:
            print(*printed, sep="\n", flush=True)
    results = read_results(lines)
    if arguments.table and results:
        print(write_table(tabulate(results)))
    if not results:
        sys.exit(1)


if __name__ == "__main__":
    main()
