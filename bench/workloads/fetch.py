"""FETCH: requests that the node makes; first a thousand under way at once, also over TLS, then one at a time."""

from __future__ import annotations

import gc
import json
import socket
import sys
from typing import TYPE_CHECKING, Any

from bench.certificate import write_certificate
from bench.measures import find_percentile, measure_memory, now
from bench.processes import poll_until, running
from bench.settings import fresh_folder
from bench.workloads.jobs import client, fetch_once, fetch_one_by_one, passages_of_fetches
from bench.workloads.ledger import open_ledger
from bench.workloads.repetition import repeat, write_url
from perdure.protocol.outbound import OutboundRequest
from perdure.transport.outbound import Outbound

if TYPE_CHECKING:
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings


async def run(settings: Settings) -> Result:
    """Measure what a fetch costs beside the request itself, and what many under way cost.

    The requests themselves are made by the same guarded client, without a run around them. Between two fetches there is
    a step, which is one commit: a fetch is three, one of which is beside the request.

    Args:
        settings: How to run it.

    Returns:
        ``request_p50_ms``, ``fetch_p50_ms``, ``fetch_p99_ms``, ``overhead_p50_ms``, ``step_p50_ms``; ``rss_before_mb``
        and ``rss_mb`` with so many requests under way, ``in_flight``; ``all_s`` from their answers until the last run
        has ended; ``tls_rss_mb`` with as many under way over TLS.
    """
    calls, at_once = settings.count(300), settings.count(1000)

    async def measure(path: Path) -> Figures:
        port, tls_port = _free_port(), _free_port()
        program = [sys.executable, "-m", "bench.target", str(port), str(tls_port), str(certificate)]
        with running(program, port=port) as target:
            origin = f"http://127.0.0.1:{port}"
            requests = await _request(f"{origin}/now", calls)
            async with client.start(database_url=write_url(path)):
                held = await _hold(origin, origin, at_once, target.pid)
                over_tls = await _hold(f"https://127.0.0.1:{tls_port}", origin, at_once, target.pid)
                handle = await client.invoke(fetch_one_by_one, {"url": f"{origin}/now", "calls": calls})
                await handle.result(timeout=600)
                fetches, steps = passages_of_fetches.pop()
        with open_ledger(path) as ledger:
            ledger.check_steps(runs=2 * at_once + 1, steps=2 * calls + 2 * at_once)
        return _summarize(requests, fetches, steps) | held | {"tls_rss_mb": over_tls["rss_mb"]}

    with fresh_folder(settings.folder) as folder:
        certificate = folder / "certificate.pem"
        write_certificate(certificate)
        # Once: what a thousand requests have taken, the process keeps.
        return await repeat("FETCH", measure, settings, times=1)


async def _request(url: str, calls: int) -> list[float]:
    outbound = Outbound(allow_loopback=True)
    seconds: list[float] = []
    for _ in range(calls):
        start = now()
        await outbound.request(OutboundRequest("GET", url))
        seconds.append(now() - start)
    await outbound.close()
    return seconds


async def _hold(to: str, origin: str, count: int, target: int) -> Figures:
    before = _own_memory(target)
    handles = [await client.invoke(fetch_once, {"url": f"{to}/hold"}) for _ in range(count)]
    await poll_until(lambda: _ask(f"{origin}/held") >= count, every=0.05)
    memory = _own_memory(target)
    start = now()
    _ask(f"{origin}/release")
    for handle in handles:
        await handle.result(timeout=60)
    return {"in_flight": count, "rss_before_mb": before, "rss_mb": memory, "all_s": now() - start}


def _own_memory(target: int) -> float:
    gc.collect()
    return measure_memory() - measure_memory(target)


def _ask(url: str) -> Any:
    # Not by the client that is measured.
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), 5) as connection:
        connection.sendall(f"GET /{path} HTTP/1.1\r\n\r\n".encode())
        return json.loads(connection.recv(4096).rpartition(b"\r\n\r\n")[2])


def _summarize(requests: list[float], fetches: list[float], steps: list[float]) -> Figures:
    request, fetch = find_percentile(requests, 50) * 1e3, find_percentile(fetches, 50) * 1e3
    return {
        "request_p50_ms": request,
        "fetch_p50_ms": fetch,
        "fetch_p99_ms": find_percentile(fetches, 99) * 1e3,
        "overhead_p50_ms": fetch - request,
        "step_p50_ms": find_percentile(steps, 50) * 1e3,
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
