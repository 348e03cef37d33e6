"""Leaves its node when it gets SIGTERM, while a body is at work that takes what its argument says.

``leave FOLDER SECONDS`` prints ``at work`` when the body has begun, and ``left`` when the node is closed.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

from perdure import IO, Client, event_trigger
from tests.acceptance.programs import BodyLog, say


def make_client(folder: Path, seconds: float) -> Client:
    client = Client(id="leave", database_url=f"sqlite:///{folder}/perdure.db")
    bodies = BodyLog(folder)

    @client.job(id="work", name="Work", version="1.0.0", trigger=event_trigger("work"))
    async def work(payload: dict[str, int], io: IO) -> str:
        def begin(task: Any) -> None:
            bodies.note(task)

        async def last(task: Any) -> str:
            bodies.note(task)
            say("at work")
            await asyncio.sleep(seconds)
            return "done"

        await io.run_task("first", begin)
        return await io.run_task("last", last)

    return client


async def main(folder: Path, seconds: float) -> None:
    client = make_client(folder, seconds)
    told_to_leave = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_leave.set)
    async with client.start():
        await client.send_event(id="work", name="work")
        await told_to_leave.wait()
    say("left")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
