"""Leaves its node while code of a run at work, and of one that was cancelled, swallows each cancellation.

``stubborn`` prints ``left`` when the node is closed, and is at its end.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from perdure import IO, Client, invoke_trigger
from tests.acceptance.programs import say

client = Client(id="stubborn", database_url="sqlite://")
begun: asyncio.Queue[None] = asyncio.Queue()


@client.job(id="job", name="Job", version="1.0.0", trigger=invoke_trigger())
async def stubborn(payload: Any, io: IO) -> None:
    begun.put_nowait(None)
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


async def main() -> None:
    async with client.start():
        cancelled, _ = await client.invoke(stubborn, None), await client.invoke(stubborn, None)
        await begun.get()
        await begun.get()
        await cancelled.cancel()
    say("left")


if __name__ == "__main__":
    asyncio.run(main())
