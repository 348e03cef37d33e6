"""Runs a job that takes its process with it, next to others that do no harm.

``poison FOLDER`` ends by itself when every run has ended, after it has printed how the poisonous one has: status, name
of the error, number of executions. ``poison FOLDER healed`` has a harmless job in its place, lets the run go on, and
prints its output.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from perdure import IO, Client, RunHandle, event_trigger
from tests.acceptance.programs import BodyLog, say

DEAD = 137
HARMLESS = ["quick 1", "quick 2", "slow 1", "slow 2", "nap"]


def make_client(folder: Path, *, is_healed: bool) -> Client:
    client = Client(id="poison", database_url=f"sqlite:///{folder}/perdure.db")
    bodies = BodyLog(folder)

    @client.job(id="poison", version="1.0.0", trigger=event_trigger("poison"))
    async def poison(payload: Any, io: IO) -> str:
        await io.logger.info("begins")
        await io.run_task("harmless", lambda task: bodies.note(task))

        def kill(task: Any) -> str:
            bodies.note(task)
            if not is_healed:
                os._exit(DEAD)
            return "healed"

        return await io.run_task("kill", kill)

    @client.job(id="quick", version="1.0.0", trigger=event_trigger("quick"))
    async def quick(payload: Any, io: IO) -> str:
        return await io.run_task("work", lambda task: "done")

    @client.job(id="slow", version="1.0.0", trigger=event_trigger("slow"))
    async def slow(payload: Any, io: IO) -> str:
        async def body(task: Any) -> str:
            # Longer than the process lives as long as the other job kills it.
            await asyncio.sleep(0.5)
            bodies.note(task)
            return "done"

        return await io.run_task("work", body)

    @client.job(id="nap", version="1.0.0", trigger=event_trigger("nap"))
    async def nap(payload: Any, io: IO) -> str:
        await io.wait("nap", 0.3)
        return await io.run_task("work", lambda task: "done")

    return client


async def run_of(client: Client, event_id: str) -> RunHandle[Any]:
    (run,) = (await client.get_event(event_id)).runs
    return RunHandle(run.id, client.connected().call)


async def main(folder: Path, *, is_healed: bool) -> None:
    client = make_client(folder, is_healed=is_healed)
    async with client.start():
        if is_healed:
            poisonous = await run_of(client, "poison")
            await client.continue_run(poisonous.id)
            say(await poisonous.result(timeout=30))
            return
        # Whoever dies in between sends them again.
        await client.send_events([{"id": one, "name": one.split()[0]} for one in [*HARMLESS, "poison"]])
        for one in HARMLESS:
            await (await run_of(client, one)).result(timeout=30)
        ended = await client.connected().platform.wait_for_run((await run_of(client, "poison")).id, timeout=30)
        say(ended.status, ended.error and ended.error.name, ended.executions)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), is_healed=sys.argv[2:] == ["healed"]))
