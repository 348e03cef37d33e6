"""Runs a job that catches whatever it is given, and goes on, until its run fails for that; then it is at its end.

``endless`` prints the error of the run.
"""

from __future__ import annotations

import asyncio
from typing import Any

from perdure import IO, Client, invoke_trigger
from perdure.errors import InvokedRunFailedError
from tests.acceptance.programs import say

client = Client(id="endless", database_url="sqlite://")


@client.job(id="job", name="Job", version="1.0.0", trigger=invoke_trigger())
async def endless(payload: Any, io: IO) -> None:
    while True:
        try:
            return await io.wait("w", 3600)
        except:  # noqa: E722 — what this program is about
            pass


async def main() -> None:
    async with client.start(force_replay=True):
        handle = await client.invoke(endless, None)
        try:
            await handle.result()
        except InvokedRunFailedError as error:
            say(str(error))


if __name__ == "__main__":
    asyncio.run(main())
