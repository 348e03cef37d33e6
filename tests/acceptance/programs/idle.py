"""Starts a node with a run asleep, and prints how many seconds of processor time it takes in so many seconds.

``idle FOLDER SECONDS``
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from perdure import IO, Client, event_trigger
from tests.acceptance.programs import say

RESTING = 1.5
"""After so many seconds the start is over: caches are filled, and the log is still to be emptied, once."""


async def main(folder: Path, seconds: float) -> None:
    client = Client(id="idle", database_url=f"sqlite:///{folder}/perdure.db")

    @client.job(id="sleep", name="Sleep", version="1.0.0", trigger=event_trigger("sleep"))
    async def sleep(payload: dict[str, int], io: IO) -> None:
        await io.wait("long", 3600)

    async with client.start():
        await client.send_event(id="sleep", name="sleep")
        await asyncio.sleep(RESTING)
        before = time.process_time()
        await asyncio.sleep(seconds)
        say(time.process_time() - before)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
