"""W1 to W7 on an empty queue. Each measurement does its work once and returns its figures."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.appendlog import count_lines, read_executions
from bench.measures import measure_memory, now, summarize_latencies
from bench.peers.absurd.queue import Crew, opened
from bench.peers.absurd.tasks import STEP_LOG_VARIABLE
from bench.processes import poll_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.peers.absurd.queue import Queue
    from bench.result import Figures

# With the default of 120 s a killed worker's tasks would wait two minutes.
W7_CREW = Crew(claim_timeout=5)


async def measure_w1(queue: Queue) -> Figures:
    """Do one run of 1,000 steps."""
    start = now()
    await queue.spawn("run_in_order", steps=1000)
    await queue.wait_for_completed(1)
    wall = now() - start
    check(queue.count_results(), 1000)
    return {"steps_per_s": 1000 / wall}


async def measure_w2(queue: Queue) -> Figures:
    """Spawn 1,000 runs of ten steps, and wait for all."""
    start = now()
    for _ in range(1000):
        await queue.spawn("run_in_order", steps=10)
    await queue.wait_for_completed(1000)
    wall = now() - start
    check(queue.count_results(), 10_000)
    return {"wall_s": wall, "runs_per_s": 1000 / wall, "steps_per_s": 10_000 / wall}


async def measure_w3(queue: Queue) -> Figures:
    """Spawn 300 runs one at a time."""
    latencies: list[float] = []
    for number in range(300):
        start = now()
        latencies.append(await queue.wait_for_result(await queue.spawn("reach_first_line")) - start)
        # So that the workers' poll is met at all its phases.
        await asyncio.sleep(0.007 * (number % 20))
    return summarize_latencies(latencies)


async def measure_w4(queue: Queue) -> Figures:
    """Signal 1,000 waiting runs; then 200 runs one at a time."""
    for number in range(1000):
        await queue.spawn("await_signal", key=f"all-{number}")
    await poll_until(lambda: queue.count_waits() >= 1000, every=0.05)
    await asyncio.sleep(1)
    start = now()
    for number in range(1000):
        await queue.absurd.emit_event(f"all-{number}", {"x": 1})
    await queue.wait_for_completed(1000)
    wall = now() - start
    latencies = [await measure_one_signal(queue, number) for number in range(200)]
    return {"all_s": wall, "signals_per_s": 1000 / wall, **summarize_latencies(latencies)}


async def measure_one_signal(queue: Queue, number: int) -> float:
    """Signal one waiting run; return the seconds until it went on."""
    task = await queue.spawn("await_signal", key=f"one-{number}")
    await poll_until(lambda: queue.count_waits() >= 1, every=0.005)
    await asyncio.sleep(0.02 + 0.007 * (number % 20))
    start = now()
    await queue.absurd.emit_event(f"one-{number}", {"x": 1})
    return await queue.wait_for_result(task) - start


async def measure_w5(queue: Queue) -> Figures:
    """Spawn 10,000 runs into a sleep of an hour, and watch the workers for three seconds."""
    bytes_before, memory_before = queue.measure_bytes(), measure_workers(queue)
    start = now()
    for _ in range(10_000):
        await queue.spawn("sleep_an_hour")
    await poll_until(lambda: queue.count("sleeping") >= 10_000, every=0.05)
    wall = now() - start
    await asyncio.sleep(1)
    cpu = queue.measure_cpu()
    await asyncio.sleep(3)
    return {
        "start_s": wall,
        "starts_per_s": 10_000 / wall,
        "rss_before_mb": memory_before,
        "rss_mb": measure_workers(queue),
        "db_bytes_per_run": (queue.measure_bytes() - bytes_before) / 10_000,
        "idle_cpu_pct": (queue.measure_cpu() - cpu) / 3 * 100,
    }


def measure_workers(queue: Queue) -> float:
    """Measure the memory of all workers, in MiB; PostgreSQL's is not counted."""
    return sum(measure_memory(worker.pid) for worker in queue.workers)


async def survive_a_kill(database: str) -> Figures:
    """W7: kill the workers at 5,000 of 10,000 steps, and time from their restart to the last run's end.

    Args:
        database: The database's URL.

    Returns:
        ``restart_to_done_s``, ``executed_twice``, and what they were taken from.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "steps"
        environment = {STEP_LOG_VARIABLE: str(log)}
        async with opened(database, W7_CREW, environment=environment) as queue:
            for number in range(1000):
                await queue.spawn("run_in_order", steps=10, key=f"run-{number}")
            await poll_until(lambda: count_lines(log) >= 5000, every=0.002)
            queue.kill_workers()
            killed_at, restarted_at = count_lines(log), now()
            queue.workers = W7_CREW.start(database, environment=environment)
            await queue.wait_for_completed(1000)
            wall = now() - restarted_at
        executions = read_executions(log)
    check(executions.distinct, 10_000)
    return {"restart_to_done_s": wall, "executed_twice": executions.executed_twice, "killed_at_steps": killed_at}


def check(done: int, expected: int) -> None:
    """Refuse to report a figure for work that was not done."""
    if done != expected:
        raise RuntimeError(f"{done} steps done instead of {expected}")


WORKLOADS: dict[str, Callable[[Queue], Awaitable[Figures]]] = {
    "W1": measure_w1,
    "W2": measure_w2,
    "W3": measure_w3,
    "W4": measure_w4,
    "W5": measure_w5,
}
