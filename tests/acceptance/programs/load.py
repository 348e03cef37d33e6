"""Takes the numbers of events from its input as fast as they come, and prints each when it is acknowledged.

``load FOLDER``; the line ``end 300`` waits until 300 runs have ended, and ends the program.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from perdure import IO, Client, Context, Retry, event_trigger
from tests.acceptance.programs import BodyLog, all_ended, say


def make_client(folder: Path) -> Client:
    client = Client(id="load", database_url=f"sqlite:///{folder}/perdure.db")
    bodies = BodyLog(folder)

    @client.job(id="order", name="Order", version="1.0.0", trigger=event_trigger("order"))
    async def order(number: int, io: IO, ctx: Context) -> int:
        bodies.note_run(ctx.run.id)

        async def work(task: Any) -> int:
            bodies.note(task)
            await asyncio.sleep(0.005)
            if number % 7 == 0 and task.attempt == 1:
                raise ConnectionError("not yet")
            return number

        def work_in_a_thread(task: Any) -> int:
            bodies.note(task)
            return number

        async def branch(item: str, index: int) -> int:
            return await io.run_task(item, work_in_a_thread)

        await io.run_task("work", work, retry=Retry(limit=2, min_timeout=0.02))
        await io.wait("wait", 0.05)
        await io.parallel("branches", ["left", "right"], branch)
        await io.send_event("send", name="shipment", id=f"shipment-{number}", payload=number)
        return number

    @client.job(id="shipment", name="Shipment", version="1.0.0", trigger=event_trigger("shipment"))
    async def shipment(number: int, io: IO, ctx: Context) -> int:
        bodies.note_run(ctx.run.id)

        def ship(task: Any) -> int:
            bodies.note(task)
            return number

        return await io.run_task("ship", ship)

    return client


async def main(folder: Path) -> None:
    client = make_client(folder)
    lines = asyncio.StreamReader()

    async def accept(number: int) -> None:
        record = await client.send_event(id=f"order-{number}", name="order", payload=number)
        say(record.id)

    async with client.start():
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        say("open")
        async with asyncio.TaskGroup() as accepting:
            while (line := await lines.readline()) and not line.startswith(b"end"):
                accepting.create_task(accept(int(line)))
        if line:
            await all_ended(client, folder, runs=int(line.split()[1]))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
