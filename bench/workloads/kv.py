"""KV: values set and read, one call at a time, inside a run and outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.measures import find_percentile, now
from bench.workloads.jobs import client, passages_of_values, set_and_get_values
from bench.workloads.ledger import VALUES, open_ledger
from bench.workloads.repetition import repeat, write_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from bench.result import Figures, Result
    from bench.settings import Settings


async def run(settings: Settings) -> Result:
    """Measure how long a call takes, from the call until its result; of ``set``, until it is durable.

    Args:
        settings: How to run it.

    Returns:
        ``set_p50_ms``, ``set_p99_ms``, ``get_p50_ms``, ``get_p99_ms`` of ``io.store``, and the same behind ``outside_``
        of ``client.store``.
    """
    calls = settings.count(500)

    async def measure(path: Path) -> Figures:
        async with client.start(database_url=write_url(path)):
            handle = await client.invoke(set_and_get_values, {"calls": calls})
            await handle.result(timeout=600)
            sets, gets = passages_of_values.pop()
            store = client.store.env
            outside_sets = await _time(calls, lambda name, value: store.set(name, value))
            outside_gets = await _time(calls, lambda name, _: store.get(name))
        with open_ledger(path) as ledger:
            if (found := ledger.read(VALUES)) != 2 * calls:
                raise RuntimeError(f"{found} values instead of {2 * calls}")
        return (
            _summarize("set", sets)
            | _summarize("get", gets)
            | _summarize("outside_set", outside_sets)
            | _summarize("outside_get", outside_gets)
        )

    return await repeat("KV", measure, settings)


async def _time(calls: int, call: Callable[[str, Any], Awaitable[Any]]) -> list[float]:
    seconds: list[float] = []
    for number in range(calls):
        start = now()
        await call(f"n{number}", {"n": number})
        seconds.append(now() - start)
    return seconds


def _summarize(what: str, seconds: Sequence[float]) -> Figures:
    return {f"{what}_p{share}_ms": find_percentile(seconds, share) * 1e3 for share in (50, 99)}
