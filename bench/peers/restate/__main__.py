"""Measure Restate on the workloads named on the command line."""

from __future__ import annotations

import argparse
import re
import subprocess

from bench.peers.environments import find_restate_server
from bench.peers.restate.crash import survive_a_kill
from bench.peers.restate.installation import ENDPOINTS, installed
from bench.peers.restate.workloads import W5_SERVER, WORKLOADS
from bench.processes import unwind_on_sigterm
from bench.result import Figures, Result, find_versions, take_median
from bench.settings import name_loop, run_on_loop

# These take long or warm up, so they run once.
LONG = ("W4", "W5", "W7")


async def measure(workload: str, *, kind: str, repetitions: int) -> Result:
    """Repeat one workload, each time on an empty server.

    Args:
        workload: A key of ``WORKLOADS``, or ``W7``.
        kind: How the endpoint is served.
        repetitions: How often, if it is not a long one.

    Returns:
        The medians.
    """
    runs: list[Figures] = []
    server = W5_SERVER if workload == "W5" else {}
    for _ in range(1 if workload in LONG else repetitions):
        if workload == "W7":
            runs.append(await survive_a_kill(kind))
            continue
        async with installed(kind, server=server) as restate:
            runs.append(await WORKLOADS[workload](restate))
    return Result(
        system=f"restate-{kind}",
        workload=workload,
        figures=take_median(runs),
        runs=runs,
        settings={"endpoint": kind, "driver_loop": name_loop(), **server},
        versions=find_versions(["restate-sdk", kind, "aiohttp", "uvloop"]) | {"restate-server": read_server_version()},
    )


def read_server_version() -> str:
    """Ask the server's binary for its version."""
    said = subprocess.run([str(find_restate_server()), "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found is not None else said.strip()


def main() -> None:
    """Measure each workload and print its result."""
    parser = argparse.ArgumentParser(description="Measure Restate.")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", default=["W1", "W2"])
    parser.add_argument("--endpoint", choices=ENDPOINTS, default="granian")
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    unwind_on_sigterm()
    for workload in arguments.workloads:
        run_on_loop(measure(workload, kind=arguments.endpoint, repetitions=arguments.repetitions)).emit()


if __name__ == "__main__":
    main()
