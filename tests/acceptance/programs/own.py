"""Runs a node on a database until its input ends; says if another process owns it.

``own FOLDER`` prints ``trying``, then ``open`` or ``locked PID MESSAGE``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from perdure import Client
from perdure.errors import DatabaseLockedError
from tests.acceptance.programs import end_of_input, say


async def main(folder: Path) -> None:
    client = Client(id="own", database_url=f"sqlite:///{folder}/perdure.db")
    say("trying")
    try:
        async with client.start(when_locked="fail"):
            record = await client.send_event(id="same", name="hello")
            say("open", record.timestamp.isoformat())
            await end_of_input()
    except DatabaseLockedError as error:
        say("locked", error.pid, error.message)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
