"""Workers of an older and a newer version of an app at the same time, as in every deploy."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from unittest.mock import patch

import pytest

from perdure import Client, event_trigger
from perdure.adapters.worker import Worker
from perdure.engine import workers as rooms
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


async def test_an_older_worker_that_dials_in_again_takes_no_job_of_a_newer_one_away() -> None:
    async with serving() as node:
        older = Dialled(app("both", "old"))
        name = await older.dialled_in()
        newer = Dialled(app("both", "new"))
        await newer.dialled_in()
        assert jobs_of(node) == ["both", "new"]

        node.engine.own.remote.workers._sessions["shop"][name].close()
        assert await older.dialled_in() == name

        assert jobs_of(node) == ["both", "new"]
        await asyncio.gather(older.leave(), newer.leave())


async def test_when_a_worker_has_gone_for_good_what_those_have_that_are_left_is_executed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rooms, "RETURN_SECONDS", 0.01)
    async with serving() as node:
        newer = Dialled(app("both", "new"))
        await newer.dialled_in()
        # Started once more, from what was deployed before.
        older = Dialled(app("both", "old"))
        await older.dialled_in()
        assert jobs_of(node) == ["both", "old"]

        await older.leave()

        await until(lambda: jobs_of(node) == ["both", "new"])
        await newer.leave()


async def test_a_newer_worker_that_starts_again_finds_its_jobs_where_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "RETURN_SECONDS", 0.01)
    async with serving() as node:
        older = Dialled(app("both"))
        await older.dialled_in()
        newer = Dialled(app("both", "new"))
        await newer.dialled_in()

        await newer.leave()
        workers = node.engine.own.remote.workers
        await until(lambda: not workers._lost and not workers._errands)

        # Its events start runs meanwhile, which wait for it.
        assert jobs_of(node) == ["both", "new"]
        await older.leave()


async def test_a_job_that_only_the_newer_worker_has_is_executed_while_an_older_one_has_nothing_to_do() -> None:
    async with serving() as node:
        older = Dialled(app("both", "old"))
        await older.dialled_in()
        newer = Dialled(app("both", "new"))
        await newer.dialled_in()

        handle = await Client(id="asker").invoke("new", {})

        assert await handle.result(timeout=60) is None
        assert (await node.platform.get_run(handle.id)).executions == 1
        await asyncio.gather(older.leave(), newer.leave())
