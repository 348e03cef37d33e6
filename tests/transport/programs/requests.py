"""Request the URLs given on standard input, some at once, and print what became of them and how much memory it took.

Arguments: how many at once, and the timeout of each in seconds.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections import Counter
from pathlib import Path

import psutil

from perdure.errors import RunError
from perdure.protocol.outbound import OutboundRequest
from perdure.transport.outbound import Outbound


async def main(first: str, *urls: str, at_once: int, timeout: float) -> None:
    """Send one request to warm up, then the others."""
    outbound = Outbound(allow_loopback=True)
    room = asyncio.Semaphore(at_once)

    async def send(url: str) -> str:
        async with room:
            try:
                answered = await outbound.request(OutboundRequest("GET", url, timeout=timeout))
            except RunError as error:
                return error.code
            return str(answered.status)

    await send(first)
    before = psutil.Process().memory_info().rss
    outcomes = Counter(await asyncio.gather(*map(send, urls)))
    await outbound.close()
    print(json.dumps({"before": before, "peak": peak_memory(), "outcomes": outcomes}))  # noqa: T201


def peak_memory() -> int:
    """The most memory that this program had, in bytes."""
    # Not what getrusage says: that counts what the process was before this program ran in it, a copy of the tests.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(*sys.stdin.read().split(), at_once=int(sys.argv[1]), timeout=float(sys.argv[2])))
