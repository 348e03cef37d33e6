"""The process that is killed: it takes events from its standard input and acknowledges each when it is durable."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.errands import add_errands
from demo.evidence import BODIES, DATABASE
from demo.jobs import open_shop
from demo.lines import read_lines
from demo.logs import BodyLog
from demo.night import add_closing

if TYPE_CHECKING:
    from perdure import Client


async def main(folder: Path, *, world: str, token: str) -> None:
    """Serve until the standard input ends."""
    bodies = BodyLog(folder / BODIES)
    client = open_shop(f"sqlite:///{folder / DATABASE}", bodies)
    add_errands(client, world=world, token=token)
    add_closing(client, bodies)
    async with client.start(), asyncio.TaskGroup() as accepting:
        _say("open")
        async for line in read_lines():
            accepting.create_task(_accept(client, json.loads(line)))


async def _accept(client: Client, event: dict[str, Any]) -> None:
    record = await client.send_event(**event)
    _say(record.id)


def _say(word: str) -> None:
    # A pipe takes so short a line at once, and whole.
    os.write(sys.stdout.fileno(), f"{word}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), world=os.environ["WORLD_URL"], token=os.environ["CUSTOMS_TOKEN"]))
