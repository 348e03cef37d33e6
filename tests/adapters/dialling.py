"""An app whose workers dial a server of this process in, and what that has of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from unittest.mock import patch

from perdure import Client, event_trigger
from perdure.adapters.worker import Worker
from perdure.server.embedded import EmbeddedNode, start_embedded

KEY = "tr_dev_0123456789abcdefghijklmn"


def app(*job_ids: str) -> Client:
    client = Client(id="shop")
    for job_id in job_ids:

        @client.job(id=job_id, version="1.0.0", trigger=event_trigger(job_id))
        async def works(payload: dict[str, str]) -> None: ...

    return client


@asynccontextmanager
async def serving() -> AsyncIterator[EmbeddedNode]:
    node = await start_embedded(None, database_url="sqlite://", api_key=KEY, serves_all=False)
    try:
        with patch.dict(os.environ, {"PERDURE_API_URL": str(node.url), "PERDURE_API_KEY": KEY}):
            yield node
    finally:
        await node.stop()


class Dialled:
    """A worker that is connected."""

    def __init__(self, client: Client) -> None:
        self.connected: asyncio.Queue[str] = asyncio.Queue()
        self._worker = Worker(client, is_ready=lambda name, *_: self.connected.put_nowait(name))
        self._working = asyncio.create_task(self._worker.run())

    async def dialled_in(self) -> str:
        async with asyncio.timeout(60):
            return await self.connected.get()

    async def leave(self) -> None:
        self._working.cancel()
        await asyncio.gather(self._working, return_exceptions=True)


def jobs_of(node: EmbeddedNode) -> list[str] | None:
    return node.engine.directory.job_ids(node.engine.own.number, "shop")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while True:
            if holds():
                return
            await asyncio.sleep(0)
