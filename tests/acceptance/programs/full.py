"""Runs a job that needs more room than there is; prints what a caller sees of that, and all that was acknowledged.

``full FOLDER [BYTES]``: with ``BYTES``, that is the largest size that files may have until the input ends.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path
from typing import Any

from perdure import IO, Client, Context, event_trigger
from perdure.errors import StorageUnavailableError
from tests.acceptance.programs import BodyLog, all_ended, end_of_input, say

RESULTS = 40
RESULT = "x" * 50_000


def make_client(folder: Path) -> Client:
    client = Client(id="full", database_url=f"sqlite:///{folder}/perdure.db")
    bodies = BodyLog(folder.parent)

    @client.job(id="large", name="Large", version="1.0.0", trigger=event_trigger("large"))
    async def large(payload: dict[str, int], io: IO, ctx: Context) -> int:
        bodies.note_run(ctx.run.id)

        def work(task: Any) -> str:
            bodies.note(task)
            return RESULT

        return sum([len(await io.run_task(f"{number}", work)) for number in range(RESULTS)])

    return client


async def main(folder: Path, largest_file: int | None) -> None:
    client = make_client(folder)
    async with client.start():
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, hard))
        await client.send_event(id="large", name="large")
        acknowledged = ["large"]
        try:
            while True:
                record = await client.send_event(id=f"small-{len(acknowledged)}", name="small", payload=RESULT)
                acknowledged.append(record.id)
        except StorageUnavailableError as error:
            say(error.code, error.retryable)
        (run_id,) = BodyLog.runs(folder.parent)
        say((await client.get_run(run_id)).completed_at)
        await end_of_input()
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        await all_ended(client, folder.parent, runs=1)
        await client.send_event(id="last", name="small")
    say(*acknowledged, "last")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None))
