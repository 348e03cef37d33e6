"""Runs that fetch something, with a secret; ends when all of them have ended well.

``fetching FOLDER RUNS``
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from perdure import IO, Client, Context, event_trigger, redact_string
from tests.acceptance.programs import BodyLog, all_ended
from tests.acceptance.target import URL_FILE

SECRET = "the-secret-that-nobody-sees"


async def main(folder: Path, runs: int) -> None:
    client = Client(id="fetching", database_url=f"sqlite:///{folder}/perdure.db")
    bodies = BodyLog(folder)
    target = (folder / URL_FILE).read_text(encoding="utf-8")

    @client.job(id="fetch", name="Fetch", version="1.0.0", trigger=event_trigger("fetch"))
    async def fetch(payload: Any, io: IO, ctx: Context) -> Any:
        bodies.note_run(ctx.run.id)
        headers = {"X-Process": str(os.getpid()), "Authorization": redact_string("Bearer {}", SECRET)}
        return await io.background_fetch("fetched", target, method="POST", headers=headers)

    async with client.start():
        for number in range(runs):
            await client.send_event(id=f"fetch-{number}", name="fetch")
        await all_ended(client, folder, runs=runs)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
