"""Writes until the limit on the size of its files, then without it; prints what it saw."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from perdure.errors import StorageFullError
from tests.storage.programs import say
from tests.storage.values import get, keys, open_values, put


async def main() -> None:
    storage = open_values(Path(sys.argv[1]))
    await storage.write(put, "first", "x")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, hard))
    acknowledged = ["first"]
    try:
        for number in range(1000):
            acknowledged.append(await storage.write(put, f"{number:04}", "x" * 10_000))
    except StorageFullError as error:
        say(error.code, error.retryable)
    say(await storage.read(keys) == sorted(acknowledged), await storage.scan(keys) == sorted(acknowledged))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await storage.write(put, "last", "x" * 10_000)
    say(await storage.read(get, "last") == "x" * 10_000)
    await storage.close()
    again = open_values(Path(sys.argv[1]))
    say(await again.read(keys) == sorted([*acknowledged, "last"]))
    await again.close()


asyncio.run(main())
