"""INGEST: events are sent, 64 requests in flight; first such that nothing matches, then such that start a run each."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from bench.measures import now
from bench.remote.bare_client import BareClient, write_request
from bench.remote.platform import serving, with_app
from bench.workloads.ledger import open_ledger
from bench.workloads.repetition import repeat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.remote.platform import Platform
    from bench.result import Figures, Result
    from bench.settings import Settings

IN_FLIGHT = 64

_EVENTS = "SELECT count(*) FROM events"
_RUNS = "SELECT count(*) FROM runs"


async def run_ingest(settings: Settings) -> Result:
    """Measure how many events a second are taken, each durable before it is answered.

    The runs wait in line behind one that keeps the only place of their job: what executing costs is not part of it.

    Args:
        settings: How to run it.

    Returns:
        ``unmatched_per_s`` and ``matched_per_s``; ``unmatched_us`` and ``matched_us`` of the server's processor time.
    """
    events = settings.count(10_000)

    async def measure(path: Path) -> Figures:
        with serving(path) as server, with_app(server, path.parent) as platform, open_ledger(path) as ledger:
            await _send(platform, "unheard", IN_FLIGHT)
            unmatched = await _send(platform, "unheard", events)
            await _send(platform, "blocked", 1)
            matched = await _send(platform, "blocked", events)
            counted = ledger.read(_EVENTS), ledger.read(_RUNS)
        if counted != (IN_FLIGHT + 2 * events + 1, events + 1):
            raise RuntimeError(f"{counted} events and runs are stored")
        return {
            "unmatched_per_s": unmatched[0],
            "matched_per_s": matched[0],
            "unmatched_us": unmatched[1],
            "matched_us": matched[1],
        }

    return await repeat("INGEST", measure, settings, in_flight=IN_FLIGHT)


async def _send(platform: Platform, name: str, count: int) -> tuple[float, float]:
    """Send so many events; how many a second were answered, and the server's microseconds for each."""
    request = write_request("/api/v1/events", {"event": {"name": name, "payload": {"user": "u1", "n": 1}}})
    numbers = iter(range(count))
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(BareClient(platform.port)) for _ in range(min(IN_FLIGHT, count))]
        before, start = platform.measure_cpu()[0], now()
        await asyncio.gather(*(_send_some(client, request, numbers) for client in clients))
        return count / (now() - start), (platform.measure_cpu()[0] - before) / count * 1e6


async def _send_some(client: BareClient, request: bytes, numbers: Iterator[int]) -> None:
    for _ in numbers:
        await client.ask(request)
