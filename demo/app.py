"""The process that is killed: it takes orders from its standard input and acknowledges each when it is durable."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from demo.evidence import BODIES, DATABASE
from demo.jobs import ORDER_PLACED, open_shop
from demo.logs import BodyLog

if TYPE_CHECKING:
    from perdure import Client


async def main(folder: Path) -> None:
    """Serve until the standard input ends."""
    client = open_shop(f"sqlite:///{folder / DATABASE}", BodyLog(folder / BODIES))
    async with client.start(), asyncio.TaskGroup() as accepting:
        orders = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        _say("open")
        while line := await orders.readline():
            accepting.create_task(_accept(client, json.loads(line)))


async def _accept(client: Client, order: dict[str, object]) -> None:
    record = await client.send_event(name=ORDER_PLACED, id=f"order-{order['number']}", payload=order)
    _say(record.id)


def _say(word: str) -> None:
    # A pipe takes so short a line at once, and whole.
    os.write(sys.stdout.fileno(), f"{word}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
