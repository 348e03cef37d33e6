"""A node that serves on a socket which somebody else holds, and one that has no app."""

from __future__ import annotations

import asyncio
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.engine.clock import SystemClock
from perdure.protocol.execution import ExecutionResult, Succeeded
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.server.announcement import find_node
from perdure.server.embedded import start_embedded
from tests.engine.app import Execution, ScriptedApp


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held


async def answers(url: str, *, host: str | None = None) -> int:
    def ask() -> int:
        try:
            asked = urllib.request.Request(f"{url}/nothing", headers={} if host is None else {"Host": host})
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    return await asyncio.to_thread(ask)


async def test_who_asks_between_two_nodes_waits_for_the_second(listening: socket.socket) -> None:
    first = await start_embedded(None, database_url="sqlite://", inherited=listening.dup())
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    assert first.url == url
    assert await answers(url) == 404
    await first.stop()

    asking = asyncio.create_task(answers(url))
    second = await start_embedded(None, database_url="sqlite://", inherited=listening.dup())
    assert await asking == 404
    await second.stop()


async def test_a_node_with_a_public_url_serves_its_socket_all_the_same(listening: socket.socket) -> None:
    node = await start_embedded(
        None, database_url="sqlite://", public_url="https://example.com/", inherited=listening.dup()
    )
    assert node.url == "https://example.com"
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    assert await answers(url) == 404
    # As a tunnel hands requests on.
    assert await answers(url, host="example.com") == 404
    assert await answers(url, host="example.org") == 421
    await node.stop()


async def test_runs_of_jobs_whose_app_is_away_wait_for_it(tmp_path: Path) -> None:
    async def plain(_execution: Execution) -> ExecutionResult:
        return Succeeded(None)

    url = f"sqlite:///{tmp_path}/perdure.db"
    app = ScriptedApp(SystemClock()).job("plain", plain)
    node = await start_embedded(app, database_url=url)
    await node.stop()

    alone = await start_embedded(None, database_url=url)
    run_id = await alone.platform.invoke_job(InvokeRequest("plain"))
    assert (await alone.platform.get_run(run_id)).status is not RunStatus.SUCCESS
    await alone.stop()

    node = await start_embedded(app, database_url=url)
    app.platform = node.platform
    assert (await node.platform.wait_for_run(run_id, timeout=60)).status is RunStatus.SUCCESS
    await node.stop()


@pytest.mark.parametrize(("address", "reached_at"), [("127.0.0.2", "127.0.0.2"), ("0.0.0.0", "127.0.0.1")])
async def test_a_node_is_where_its_socket_listens(tmp_path: Path, address: str, reached_at: str) -> None:
    with socket.create_server((address, 0)) as held:
        url = f"http://{reached_at}:{held.getsockname()[1]}"
        node = await start_embedded(None, database_url=f"sqlite:///{tmp_path}/perdure.db", inherited=held.dup())
        announced = find_node(tmp_path / "perdure.db")
        assert announced is not None
        assert (node.url, announced.url) == (url, url)
        assert await answers(url) == 404
        await node.stop()
