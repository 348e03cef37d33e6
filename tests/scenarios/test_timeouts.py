"""Time-outs of tasks: each ends an attempt."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from perdure import IO
from perdure.errors import InvalidArgumentError, TaskTimeoutError
from tests.scenarios.app import PATIENCE, App, task_of
from tests.scenarios.retries import AT_ONCE


async def test_a_timeout_ends_each_attempt_and_is_retried_like_any_failure(app: App) -> None:
    attempts: list[int] = []
    cancelled: list[int] = []

    async def body(task: Any) -> str:
        attempts.append(task.attempt)
        if task.attempt < 3:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(task.attempt)
        return "in time"

    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        return await io.run_task("k", body, timeout=0.02, retry=AT_ONCE)

    run = await app.run(bounded)
    assert (run.status, run.output) == ("SUCCESS", "in time")
    assert attempts == [1, 2, 3]
    assert cancelled == [1, 2]


async def test_a_timeout_without_retry_is_a_task_timeout_error_in_every_execution(app: App) -> None:
    met: list[str] = []

    async def body() -> None:
        await asyncio.Event().wait()

    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", body, timeout=timedelta(milliseconds=10))
        except TaskTimeoutError as error:
            met.append(error.message)
        await io.wait("gate", 0.005)
        return met[-1]

    run = await app.run(bounded)
    assert run.status == "SUCCESS"
    assert "An attempt of run_task 'k' took longer than its timeout of 0.01 s" in run.output
    assert len(set(met)) == 1
    assert task_of(run, "k").status == "ERRORED"


async def test_a_timeout_of_the_bodys_own_is_not_the_tasks(app: App) -> None:
    async def body() -> None:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()

    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", body, timeout=10)
        except TimeoutError as error:
            return type(error).__name__
        return "no error"

    assert await app.result(bounded) == "TimeoutError"


async def test_a_body_in_a_thread_goes_on_after_its_timeout_and_its_result_is_discarded(app: App) -> None:
    started = asyncio.Event()
    ended = asyncio.Event()
    may_end = threading.Event()

    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        loop = asyncio.get_running_loop()

        def body() -> str:
            loop.call_soon_threadsafe(started.set)
            may_end.wait(timeout=PATIENCE)
            loop.call_soon_threadsafe(ended.set)
            return "too late"

        try:
            await io.run_task("k", body, timeout=0.02)
        except TaskTimeoutError:
            may_end.set()
            await io.run_task("after", ended.wait)
            return "timed out"
        return "no error"

    run = await app.run(bounded)
    assert run.output == "timed out"
    assert started.is_set()
    assert task_of(run, "k").status == "ERRORED"
    assert task_of(run, "k").output is None


@pytest.mark.parametrize("timeout", [0, 0.0, timedelta(0), -1, "1", float("nan"), True, float("inf")])
async def test_a_timeout_that_is_no_duration_or_none_at_all_is_refused(app: App, timeout: Any) -> None:
    bodies: list[int] = []

    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", lambda: bodies.append(1), timeout=timeout)
        except InvalidArgumentError as error:
            return error.message
        return "no error"

    assert (await app.result(bounded)).startswith("timeout is ")
    assert bodies == []
