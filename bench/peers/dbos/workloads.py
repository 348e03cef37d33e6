"""W1 to W6 on a launched DBOS. Each measurement does its work once and returns its figures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dbos import DBOS

from bench.measures import measure_cpu, measure_memory, now, summarize_latencies
from bench.peers.dbos import jobs
from bench.processes import poll_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.peers.dbos.database import Database
    from bench.result import Figures


async def measure_w1(database: Database) -> Figures:
    """Do one run of 1,000 steps."""
    start = now()
    await jobs.run_in_order(1000)
    wall = now() - start
    check(database.count_outputs(), 1000)
    return {"steps_per_s": 1000 / wall}


async def measure_w1_in_thread(database: Database) -> Figures:
    """Do one run of 1,000 steps, all plain functions."""
    start = now()
    await asyncio.to_thread(jobs.run_in_order_in_thread, 1000)
    wall = now() - start
    check(database.count_outputs(), 1000)
    return {"steps_per_s": 1000 / wall}


async def measure_w2(database: Database) -> Figures:
    """Start 1,000 runs of ten steps, without a limit, and wait for all."""
    start = now()
    handles = [await DBOS.start_workflow_async(jobs.run_in_order, 10) for _ in range(1000)]
    await asyncio.gather(*(handle.get_result() for handle in handles))
    return summarize_w2(database, now() - start)


async def measure_w2_in_thread(database: Database) -> Figures:
    """Start 1,000 runs of ten steps, all plain functions, and wait for all."""

    def run_all() -> None:
        for handle in [DBOS.start_workflow(jobs.run_in_order_in_thread, 10) for _ in range(1000)]:
            handle.get_result()

    start = now()
    await asyncio.to_thread(run_all)
    return summarize_w2(database, now() - start)


def summarize_w2(database: Database, wall: float) -> Figures:
    """Check what 1,000 runs left behind, and write their figures."""
    check(database.count_outputs("function_name LIKE '%step%'"), 10_000)
    return {"wall_s": wall, "runs_per_s": 1000 / wall, "steps_per_s": 10_000 / wall}


async def measure_w3(_: Database) -> Figures:
    """Start 300 runs one at a time, in process."""
    latencies: list[float] = []
    for number in range(300):
        key = f"first {number}"
        start = now()
        handle = await DBOS.start_workflow_async(jobs.reach_first_line, key)
        await handle.get_result()
        latencies.append(jobs.reached[key] - start)
    return summarize_latencies(latencies)


async def measure_w4(_: Database) -> Figures:
    """Signal 1,000 waiting runs from 16 tasks; then 60 runs one at a time."""
    handles = [await DBOS.start_workflow_async(jobs.await_signal, f"all {number}") for number in range(1000)]
    await wait_for_keys([f"all {number} waits" for number in range(1000)])
    await asyncio.sleep(2)

    async def signal(workflows: list[str]) -> None:
        for workflow in workflows:
            await DBOS.send_async(workflow, "x", "go")

    workflows = [handle.workflow_id for handle in handles]
    start = now()
    await asyncio.gather(*(signal(workflows[first::16]) for first in range(16)))
    await asyncio.gather(*(handle.get_result() for handle in handles))
    wall = now() - start
    latencies = [await measure_one_signal(f"one {number}") for number in range(60)]
    return {"all_s": wall, "signals_per_s": 1000 / wall, **summarize_latencies(latencies)}


async def measure_one_signal(key: str) -> float:
    """Signal one waiting run; return the seconds until it went on."""
    handle = await DBOS.start_workflow_async(jobs.await_signal, key)
    await wait_for_keys([f"{key} waits"])
    await asyncio.sleep(0.05)
    start = now()
    await DBOS.send_async(handle.workflow_id, "x", "go")
    await handle.get_result()
    return jobs.reached[key] - start


async def wait_for_keys(keys: list[str]) -> None:
    """Wait until workflows have noted all these keys."""
    await poll_until(lambda: jobs.reached.keys() >= set(keys))


async def measure_w5(database: Database) -> Figures:
    """Start 10,000 runs into a sleep of an hour, and watch them for three seconds."""
    bytes_before, memory_before = database.measure_bytes(), measure_memory()
    start = now()
    for number in range(10_000):
        await DBOS.start_workflow_async(jobs.sleep_an_hour, number)
    await poll_until(lambda: database.count_outputs("function_name = 'DBOS.sleep'") >= 10_000, every=0.05)
    wall = now() - start
    await asyncio.sleep(1)
    cpu = measure_cpu()
    await asyncio.sleep(3)
    return {
        "start_s": wall,
        "starts_per_s": 10_000 / wall,
        "rss_before_mb": memory_before,
        "rss_mb": measure_memory(),
        "db_bytes_per_run": (database.measure_bytes() - bytes_before) / 10_000,
        "idle_cpu_pct": (measure_cpu() - cpu) / 3 * 100,
    }


async def measure_w6(database: Database) -> Figures:
    """Do one run with 1,000 parallel steps."""
    start = now()
    await jobs.run_in_parallel(1000)
    wall = now() - start
    check(database.count_outputs(), 1000)
    return {"steps_per_s": 1000 / wall}


def check(recorded: int, expected: int) -> None:
    """Refuse to report a figure for work that was not recorded."""
    if recorded != expected:
        raise RuntimeError(f"{recorded} results recorded instead of {expected}")


WORKLOADS: dict[str, Callable[[Database], Awaitable[Figures]]] = {
    "W1": measure_w1,
    "W2": measure_w2,
    "W3": measure_w3,
    "W4": measure_w4,
    "W5": measure_w5,
    "W6": measure_w6,
}

# The same with plain functions, which DBOS runs in threads.
SYNC_WORKLOADS: dict[str, Callable[[Database], Awaitable[Figures]]] = {
    "W1": measure_w1_in_thread,
    "W2": measure_w2_in_thread,
}
