"""Takes requests until its input ends; the first line that it prints is where.

``receiving FOLDER``
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from perdure import IO, Client, HttpRequest, RunHandle, webhooks
from tests.acceptance.programs import end_of_input, say


async def main(folder: Path) -> None:
    client = Client(id="receiving", database_url=f"sqlite:///{folder}/perdure.db")
    hook = client.define_http_endpoint("hook", source="vendor.example", verify=webhooks.standard("secret"))

    @client.job(id="take", version="1.0.0", trigger=hook.on_request())
    async def take(payload: HttpRequest, io: IO) -> str:
        return await io.run_task("take", lambda: payload.headers["webhook-id"])

    async with client.start():
        say(await client.get_http_endpoint_url("hook"))
        await end_of_input()
        cursor: str | None = None
        while True:
            page = await client.get_runs("take", cursor=cursor, take=50)
            for run in page.runs:
                await RunHandle(run.id, client.connected().call).result()
            cursor = page.next_cursor
            if cursor is None:
                return


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
