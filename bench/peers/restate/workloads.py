"""W1 to W7 on a running installation. Each measurement does its work once and returns its figures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bench.appendlog import count_lines, read_lines
from bench.measures import measure_memory, now, summarize_latencies
from bench.processes import poll_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from bench.peers.restate.installation import Installation
    from bench.result import Figures

# The server holds 1,000 invocations in the endpoint at once, and by default each for a minute: 10,000 sleepers would
# start 1,000 a minute.
W5_SERVER = {"RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT": "1s"}


async def measure_w1(restate: Installation) -> Figures:
    """Do one run of 1,000 steps."""
    start = now()
    check(await restate.call("run_in_order", {"steps": 1000}), 1000)
    return {"steps_per_s": 1000 / (now() - start)}


async def measure_w2(restate: Installation) -> Figures:
    """Call 1,000 runs of ten steps at once, and wait for all."""
    cpu, start = restate.measure_cpu(), now()
    answers = await asyncio.gather(*(restate.call("run_in_order", {"steps": 10}) for _ in range(1000)))
    wall = now() - start
    check(sum(answers), 10_000)
    return {
        "wall_s": wall,
        "runs_per_s": 1000 / wall,
        "steps_per_s": 10_000 / wall,
        "server_and_endpoint_cpu_s": restate.measure_cpu() - cpu,
    }


async def measure_w3(restate: Installation) -> Figures:
    """Call 300 runs one at a time."""
    latencies: list[float] = []
    for _ in range(300):
        start = now()
        latencies.append(await restate.call("reach_first_line", {}) - start)
    return summarize_latencies(latencies)


async def measure_w4(restate: Installation) -> Figures:
    """Signal 1,000 waiting runs, 64 at a time; then 200 runs one at a time."""
    sent = [await restate.call("await_signal", {"key": f"all-{n}"}, send=True) for n in range(1000)]
    awakeables = await wait_for_awakeables(restate, [f"all-{number}" for number in range(1000)])
    await asyncio.sleep(2)
    start = now()
    await gather_limited((restate.resolve(awakeable) for awakeable in awakeables), 64)
    await asyncio.gather(*(restate.await_invocation(answer["invocationId"]) for answer in sent))
    wall = now() - start
    latencies = [await measure_one_signal(restate, f"one-{number}") for number in range(200)]
    return {"all_s": wall, "signals_per_s": 1000 / wall, **summarize_latencies(latencies)}


async def measure_one_signal(restate: Installation, key: str) -> float:
    """Signal one waiting run; return the seconds until it went on."""
    answer = asyncio.create_task(restate.call("await_signal", {"key": key}))
    (awakeable,) = await wait_for_awakeables(restate, [key])
    await asyncio.sleep(0.03)
    start = now()
    await restate.resolve(awakeable)
    return await answer - start


async def wait_for_awakeables(restate: Installation, keys: list[str]) -> list[str]:
    """Wait until runs with these keys wait; return what to resolve."""
    while True:
        awakeables = {line[0]: line[1] for line in read_lines(restate.notes)}
        if awakeables.keys() >= set(keys):
            return [awakeables[key] for key in keys]
        await asyncio.sleep(0.005)


async def measure_w5(restate: Installation) -> Figures:
    """Send 10,000 runs into a sleep of an hour, and watch them for three seconds."""
    bytes_before, memory_before = restate.measure_bytes(), measure_both(restate)
    start = now()
    await gather_limited((restate.call("sleep_an_hour", {}, send=True) for _ in range(10_000)), 64)
    await poll_until(lambda: count_lines(restate.notes) >= 10_000, every=0.1)
    wall = now() - start
    # Longer than the inactivity timeout, after which the endpoint forgets a sleeper.
    await asyncio.sleep(8)
    cpu = restate.measure_cpu()
    await asyncio.sleep(3)
    return {
        "start_s": wall,
        "starts_per_s": 10_000 / wall,
        "rss_before_mb": memory_before,
        "rss_mb": measure_both(restate),
        "db_bytes_per_run": (restate.measure_bytes() - bytes_before) / 10_000,
        "idle_cpu_pct": (restate.measure_cpu() - cpu) / 3 * 100,
    }


def measure_both(restate: Installation) -> float:
    """Measure the memory of server and endpoint, in MiB."""
    return measure_memory(restate.server.pid) + measure_memory(restate.endpoint.pid)


async def measure_w6(restate: Installation) -> Figures:
    """Do one run with 1,000 parallel steps."""
    start = now()
    check(await restate.call("run_in_parallel", {"steps": 1000}), 1000)
    return {"steps_per_s": 1000 / (now() - start)}


async def gather_limited(calls: Iterable[Awaitable[Any]], limit: int) -> None:
    """Await all of these, at most some at a time."""
    free = asyncio.Semaphore(limit)

    async def await_one(call: Awaitable[Any]) -> None:
        async with free:
            await call

    await asyncio.gather(*(await_one(call) for call in calls))


def check(done: int, expected: int) -> None:
    """Refuse to report a figure for work that was not done."""
    if done != expected:
        raise RuntimeError(f"{done} steps done instead of {expected}")


WORKLOADS: dict[str, Callable[[Installation], Awaitable[Figures]]] = {
    "W1": measure_w1,
    "W2": measure_w2,
    "W3": measure_w3,
    "W4": measure_w4,
    "W5": measure_w5,
    "W6": measure_w6,
}
