"""A node in a thread of its own, called from threads and from other event loops."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from perdure import IO
from perdure.errors import InvokedRunFailedError, NotConnectedError, NotFoundError, StorageError, SyncInAsyncError
from tests.scenarios.app import PATIENCE, App


def declare(app: App) -> Any:
    @app.job
    async def doubling(payload: Any, io: IO) -> int:
        await io.wait("w", 0.005)
        return await io.run_task("k", lambda: payload["n"] * 2)

    return doubling


def test_sync_calls_work_from_threads(app: App) -> None:
    job = declare(app)
    with app.start_background() as node:
        handle = app.client.sync.invoke(job, {"n": 2})
        assert handle.result(timeout=PATIENCE) == 4
        assert handle.status() == "SUCCESS"
        assert app.client.sync.get_run(handle.id, subtasks=True).output == 4
        assert app.client.sync.send_event(name="e", payload=[1]).payload == [1]
        assert [one.name for one in app.client.sync.send_events([{"name": "a"}, {"name": "b"}])] == ["a", "b"]
        assert app.client.node is node
        with ThreadPoolExecutor(8) as pool:
            results = pool.map(lambda n: app.client.sync.invoke(job, {"n": n}).result(timeout=PATIENCE), range(20))
            assert list(results) == [n * 2 for n in range(20)]
    assert app.client.node is None


def test_errors_of_sync_calls_are_those_of_the_async_ones(app: App) -> None:
    declare(app)

    @app.job
    async def failing(payload: Any) -> None:
        raise LookupError("no")

    with pytest.raises(NotConnectedError):
        app.client.sync.invoke("doubling")
    with app.start_background():
        with pytest.raises(NotFoundError, match="doubling"):
            app.client.sync.invoke("doublin")
        with pytest.raises(InvokedRunFailedError):
            app.client.sync.invoke("failing").result(timeout=PATIENCE)
    with pytest.raises(NotConnectedError):
        app.client.sync.invoke("doubling")


def test_a_sync_handle_gives_up_waiting_and_cancels(app: App) -> None:
    @app.job
    async def sleeping(payload: Any, io: IO) -> None:
        await io.wait("w", 3600)

    with app.start_background():
        handle = app.client.sync.invoke(sleeping)
        with pytest.raises(TimeoutError):
            handle.result(timeout=0.01)
        handle.cancel()
        assert handle.status() == "CANCELED"


def test_async_calls_work_from_any_other_loop(app: App) -> None:
    job = declare(app)

    async def elsewhere() -> list[Any]:
        handle = await app.client.invoke(job, {"n": 3})
        event = await app.client.send_event(name="e")
        result = await handle.result(timeout=PATIENCE)
        with pytest.raises(SyncInAsyncError):
            app.client.sync.get_run(handle.id)
        return [result, event.name, (await app.client.get_run(handle.id)).status, await handle.status()]

    with app.start_background():
        got: list[Any] = []
        threads = [threading.Thread(target=lambda: got.append(asyncio.run(elsewhere()))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert asyncio.run(elsewhere()) == [6, "e", "SUCCESS", "SUCCESS"]
    assert got == [[6, "e", "SUCCESS", "SUCCESS"]] * 3


def test_the_node_ends_with_its_block_also_after_an_error(app: App) -> None:
    job = declare(app)
    before = set(threading.enumerate())
    with pytest.raises(NotFoundError), app.start_background():
        app.client.sync.get_run(app.client.sync.invoke(job, {"n": 1}).id + "x")
    deadline = time.monotonic() + PATIENCE
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        for thread in left:
            thread.join(0.05)
    assert not left


def test_two_background_nodes_work_beside_each_other(app: App) -> None:
    other = App("sqlite://", force_replay=app.force_replay, client_id="other")
    jobs = [declare(app), declare(other)]
    with app.start_background(), other.start_background():
        handles = [app.client.sync.invoke(jobs[0], {"n": 1}), other.client.sync.invoke(jobs[1], {"n": 2})]
        assert [handle.result(timeout=PATIENCE) for handle in handles] == [2, 4]
        with pytest.raises(NotFoundError):
            app.client.sync.get_run(handles[1].id)


async def test_two_nodes_work_on_one_loop(app: App) -> None:
    other = App("sqlite://", force_replay=app.force_replay, client_id="other")
    jobs = [declare(app), declare(other)]
    async with app.start():
        async with other.start():
            handles = [await app.client.invoke(jobs[0], {"n": 1}), await other.client.invoke(jobs[1], {"n": 2})]
            assert [await handle.result(timeout=PATIENCE) for handle in handles] == [2, 4]
        handle = await app.client.invoke(jobs[0], {"n": 3})
        assert await handle.result(timeout=PATIENCE) == 6
    assert asyncio.get_running_loop().get_task_factory() is None


def test_a_database_that_cannot_be_opened_is_told_by_start(app: App, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    bad = App(f"sqlite:///{tmp_path}/file/perdure.db", force_replay=app.force_replay)
    before = threading.active_count()
    with pytest.raises(StorageError), bad.start_background():
        pass
    assert bad.client.node is None
    assert threading.active_count() == before


async def test_nodes_on_one_loop_may_stop_in_any_order(app: App) -> None:
    other = App("sqlite://", force_replay=app.force_replay, client_id="other")
    declare(app)
    job = declare(other)
    first, second = app.start(), other.start()
    await first.__aenter__()
    await second.__aenter__()
    await first.__aexit__(None, None, None)
    handle = await other.client.invoke(job, {"n": 4})
    assert await handle.result(timeout=PATIENCE) == 8
    await second.__aexit__(None, None, None)
    assert asyncio.get_running_loop().get_task_factory() is None
