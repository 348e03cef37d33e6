"""Writes as fast as it can until it is killed, and prints the key of each write that was acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.storage.programs import say
from tests.storage.values import open_values, put

if TYPE_CHECKING:
    from perdure.storage.interface import Session


async def put_pair(tx: Session, key: str) -> None:
    await put(tx, f"{key} a", "x" * 300)
    await put(tx, f"{key} b", "x" * 300)


async def main() -> None:
    storage = open_values(Path(sys.argv[1]))

    async def write_on(writer: int) -> None:
        number = 0
        while True:
            key = f"{os.getpid()}-{writer}-{number}"
            await storage.write(put_pair, key)
            say(key)
            number += 1

    await asyncio.gather(*(write_on(writer) for writer in range(20)))


asyncio.run(main())
