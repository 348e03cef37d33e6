"""The world outside: a process that the power cut spares. It has a log of its own of all it is asked and does.

``python -m demo.world FOLDER`` serves on a free port of 127.0.0.1, tells its URL on its standard output, and ends with
its standard input.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, web

from demo.customs import CustomsOffice
from demo.evidence import WORLD
from demo.lines import read_lines
from demo.logs import SyncedLog
from demo.photographer import Photographer

_ANSWER_SECONDS = 5


async def main(folder: Path, token: str) -> None:
    """Serve until the standard input ends."""
    log = SyncedLog(folder / WORLD)
    async with ClientSession(timeout=ClientTimeout(total=_ANSWER_SECONDS)) as session:
        photographer, customs = Photographer(log, session), CustomsOffice(log, token)
        app = web.Application()
        app.add_routes(
            [
                web.post("/pictures", photographer.take),
                web.post("/papers", customs.apply),
                web.get("/papers/{order}", customs.look),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
            async for _ in read_lines():
                pass
            await photographer.finish()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), os.environ["CUSTOMS_TOKEN"]))
