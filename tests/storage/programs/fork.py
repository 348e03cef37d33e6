"""Opens a database and forks; the child says what it may not do and outlives its parent."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from perdure.errors import ForkedProcessError
from tests.storage.programs import say
from tests.storage.values import keys, open_values, put


async def main() -> None:
    storage = open_values(Path(sys.argv[1]))
    await storage.write(put, "of the parent")
    if os.fork() == 0:
        for attempt in (storage.write(put, "of the child"), storage.read(keys), storage.scan(keys)):
            try:
                await attempt
            except ForkedProcessError as error:
                say(error.code)
        await storage.close()
        say(f"child {os.getpid()}")
        sys.stdin.read()
    os._exit(0)


asyncio.run(main())
