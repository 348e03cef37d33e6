"""A client's node is stopped while somebody waits for a run, and asked after that by a handle that was kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from perdure import IO, RunHandle
from perdure.errors import NotConnectedError
from tests.scenarios.app import PATIENCE, App

WHAT_TO_DO = "has been stopped; start the client again"


def declare(app: App) -> Any:
    @app.job
    async def waiting(payload: Any, io: IO) -> None:
        await io.wait("w", 3600)

    return waiting


async def test_who_waits_for_a_run_while_the_node_stops_is_told_that_it_stopped(app: App) -> None:
    job = declare(app)
    async with app.start():
        handle = await app.client.invoke(job)
        waiter = asyncio.create_task(handle.result())
        await has_waited(handle)
    with pytest.raises(NotConnectedError, match=WHAT_TO_DO):
        await asyncio.wait_for(waiter, PATIENCE)


async def test_a_handle_of_a_stopped_node_says_so(app: App) -> None:
    job = declare(app)
    async with app.start():
        handle = await app.client.invoke(job)
    for call in (handle.result, handle.status, handle.cancel):
        with pytest.raises(NotConnectedError, match=WHAT_TO_DO):
            await call()


def test_a_thread_that_waits_for_a_run_while_the_node_stops_is_told_that_it_stopped(app: App) -> None:
    job = declare(app)
    with ThreadPoolExecutor(1) as pool:
        with app.start_background():
            handle = app.client.sync.invoke(job)
            waiter = pool.submit(handle.result)
            assert handle.status() is not None
        assert isinstance(waiter.exception(PATIENCE), NotConnectedError)


def test_a_task_of_another_loop_that_waits_for_a_run_while_the_node_stops_is_not_cancelled(app: App) -> None:
    job = declare(app)

    async def wait(tell: Callable[[], object]) -> str:
        handle = await app.client.invoke(job)
        waiter = asyncio.create_task(handle.result())
        await has_waited(handle)
        tell()
        with pytest.raises(NotConnectedError, match=WHAT_TO_DO):
            await waiter
        return "told"

    waits = Event()
    with ThreadPoolExecutor(1) as pool:
        with app.start_background():
            told = pool.submit(lambda: asyncio.run(wait(waits.set)))
            assert waits.wait(PATIENCE)
        assert told.result(PATIENCE) == "told"


def test_a_blocking_handle_of_a_stopped_node_says_so(app: App) -> None:
    job = declare(app)
    with app.start_background():
        handle = app.client.sync.invoke(job)
    for call in (handle.result, handle.status, handle.cancel):
        with pytest.raises(NotConnectedError, match=WHAT_TO_DO):
            call()


async def has_waited(handle: RunHandle[Any]) -> None:
    """Let what was asked before come to the node: its calls are made one after the other."""
    await handle.status()
