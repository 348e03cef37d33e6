"""An app that has been behind a URL and is executed by workers: which of the two the server asks, and when."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from perdure import Client
from perdure.engine import workers as rooms
from perdure.server.embedded import EmbeddedNode
from perdure.server.http import make_server
from tests.adapters.dialling import Dialled, app, jobs_of, serving, until

LATER = datetime.now(UTC) + timedelta(days=1)


@asynccontextmanager
async def behind_url(node: EmbeddedNode, client: Client) -> AsyncIterator[None]:
    """Serve an app, and register it where it is."""
    listening = socket.create_server(("127.0.0.1", 0))
    jobs = client.asgi()
    server = make_server(jobs, keep_alive=5)
    await server.startup(sockets=[listening])
    try:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/api/trigger"
        await node.engine.own.remote.endpoints.add("shop", url)
        yield
    finally:
        await server.shutdown(sockets=[listening])
        await jobs._handler.close()


@pytest.fixture(autouse=True)
def _gone_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "RETURN_SECONDS", 0.01)
    monkeypatch.setattr(rooms, "AWAY_SECONDS", 0.01)


async def test_when_the_last_worker_has_gone_for_good_its_app_is_asked_where_its_url_is() -> None:
    async with serving() as node, behind_url(node, app("both", "url")):
        worker = Dialled(app("both", "worker"))
        await worker.dialled_in()
        assert jobs_of(node) == ["both", "worker"]

        await worker.leave()

        await until(lambda: jobs_of(node) == ["both", "url"])


async def test_a_run_that_waits_for_a_worker_that_has_gone_is_executed_where_the_url_is() -> None:
    async with serving() as node, behind_url(node, app("both")):
        worker = Dialled(app("both"))
        await worker.dialled_in()
        await worker.leave()

        handle = await Client(id="asker").invoke("both", {})

        assert await handle.result(timeout=60) is None


async def test_a_worker_that_has_dialled_in_again_keeps_its_app() -> None:
    async with serving() as node, behind_url(node, app("both", "url")):
        workers, lookout = node.engine.own.remote.workers, node.engine.own.remote.endpoints.lookout
        first = Dialled(app("both", "worker"))
        await first.dialled_in()
        left = workers._latest["shop"]
        second = Dialled(app("both", "worker"))
        await second.dialled_in()
        await first.leave()

        workers._fall_back("shop", left)

        assert "shop" not in lookout._finding
        await second.leave()


async def test_a_url_where_nobody_answers_takes_nothing_from_a_worker_that_dials_in_meanwhile() -> None:
    async with serving() as node:
        lookout = node.engine.own.remote.endpoints.lookout
        async with behind_url(node, app("both", "url")):
            first = Dialled(app("both", "worker"))
            await first.dialled_in()
        await first.leave()
        await until(lambda: "shop" in lookout._finding)

        second = Dialled(app("both", "worker"))
        await second.dialled_in()

        assert "shop" not in lookout._finding
        assert jobs_of(node) == ["both", "worker"]
        await second.leave()


async def test_an_app_is_not_asked_where_its_url_is_from_time_to_time_while_workers_have_it() -> None:
    async with serving() as node, behind_url(node, app("both", "url")):
        lookout = node.engine.own.remote.endpoints.lookout
        assert await lookout.list_stale(LATER) == ["shop"]

        worker = Dialled(app("both", "worker"))
        await worker.dialled_in()
        assert await lookout.list_stale(LATER) == []

        await worker.leave()
        await until(lambda: jobs_of(node) == ["both", "url"] and "shop" not in lookout._finding)
        assert await lookout.list_stale(LATER) == ["shop"]


async def test_forgetting_the_url_of_an_app_takes_no_job_of_its_workers_away() -> None:
    async with serving() as node, behind_url(node, app("both", "url")):
        endpoints = node.engine.own.remote.endpoints
        worker = Dialled(app("both", "worker"))
        await worker.dialled_in()

        await endpoints.remove("shop")

        assert await endpoints.list() == []
        assert jobs_of(node) == ["both", "worker"]
        handle = await Client(id="asker").invoke("worker", {})
        assert await handle.result(timeout=60) is None
        await worker.leave()


async def test_an_app_without_a_url_is_not_looked_for_when_its_worker_has_gone() -> None:
    async with serving() as node:
        lookout = node.engine.own.remote.endpoints.lookout
        worker = Dialled(app("worker"))
        await worker.dialled_in()
        lookout.find_again("shop")

        await until(lambda: "shop" not in lookout._finding)

        assert jobs_of(node) == ["worker"]
        await worker.leave()
