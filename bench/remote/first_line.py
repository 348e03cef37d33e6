"""W3 with a server: from an event to the first line of the job, one at a time on an idle server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import apsw

from bench.measures import now, summarize_latencies
from bench.processes import poll_until
from bench.remote.bare_client import BareClient, write_request
from bench.remote.platform import serving, with_jobs
from bench.workloads.ledger import SUCCESSES, open_ledger
from bench.workloads.repetition import repeat

if TYPE_CHECKING:
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings

_OUTPUTS = "SELECT events.id, output FROM runs JOIN events USING (event_no)"


async def run_w3(settings: Settings) -> Result:
    """Measure ``p50_ms``, ``p95_ms`` and ``p99_ms`` over 300 runs; the first ten warm up.

    Args:
        settings: How to run it.

    Returns:
        The medians of the repetitions' percentiles.
    """
    runs = settings.count(300)

    async def measure(path: Path) -> Figures:
        sent: dict[str, float] = {}
        with serving(path) as server, with_jobs(server, path.parent, settings) as platform, open_ledger(path) as ledger:
            async with BareClient(platform.port) as client:
                for number in range(runs + 10):
                    event = {"id": f"e{number}", "name": "tell-first-line", "payload": {}}
                    sent[f"e{number}"] = now()
                    await client.ask(write_request("/api/v1/events", {"event": event}))
                    await poll_until(lambda due=number + 1: ledger.read(SUCCESSES) == due, every=0.005)
        return summarize_latencies(_latencies(path, sent)[10:])

    return await repeat("W3", measure, settings)


def _latencies(path: Path, sent: dict[str, float]) -> list[float]:
    database = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reached = {event: json.loads(output) for event, output in database.execute(_OUTPUTS)}
    database.close()
    return [reached[event] - at for event, at in sent.items()]
