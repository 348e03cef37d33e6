"""Retries: how often a body runs, what is recorded of its attempts, and when it has failed for good."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import IO, Retry
from perdure.errors import InvalidArgumentError
from tests.scenarios.app import App, task_of
from tests.scenarios.errors import PaymentDeclined
from tests.scenarios.retries import AT_ONCE


@pytest.mark.parametrize(
    ("retry", "runs"),
    [
        (None, 1),
        (Retry(limit=0), 1),
        (Retry(limit=1), 1),
        (AT_ONCE, 5),
        ({"limit": 3, "factor": 1.0, "min_timeout": 0.001, "max_timeout": 0.002, "randomize": False}, 3),
        ({"limit": 2, "min_timeout": timedelta(milliseconds=1), "max_timeout": timedelta(milliseconds=2)}, 2),
    ],
    ids=["none", "0", "1", "5", "dict", "timedelta"],
)
async def test_the_limit_counts_all_attempts(app: App, retry: Any, runs: int) -> None:
    attempts: list[int] = []

    async def body(task: Any) -> None:
        attempts.append(task.attempt)
        raise PaymentDeclined(str(task.attempt))

    @app.job
    async def retrying(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", body, retry=retry)
        except PaymentDeclined as error:
            await io.wait("gate", 0.005)
            return str(error)
        return "no error"

    run = await app.run(retrying)
    assert run.output == str(runs)
    assert attempts == list(range(1, runs + 1))
    assert task_of(run, "k").attempts == runs
    assert task_of(run, "k").status == "ERRORED"


async def test_a_later_attempt_succeeds_and_its_task_keeps_one_result(app: App) -> None:
    seen: list[tuple[str, str, int]] = []

    def body(task: Any) -> str:
        seen.append((task.id, task.idempotency_key, task.attempt))
        if task.attempt < 3:
            raise PaymentDeclined("not yet")
        return f"attempt {task.attempt}"

    @app.job
    async def retrying(payload: Any, io: IO) -> str:
        got = await io.run_task("k", body, retry=AT_ONCE)
        await io.wait("gate", 0.005)
        return got

    run = await app.run(retrying)
    assert (run.status, run.output) == ("SUCCESS", "attempt 3")
    assert [attempt for *_, attempt in seen] == [1, 2, 3]
    assert len({(id, key) for id, key, _ in seen}) == 1
    assert len(seen[0][1]) == 64
    task = task_of(run, "k")
    assert (task.attempts, task.error, task.id) == (3, None, seen[0][0])


async def test_an_error_that_ends_the_run_is_not_retried_without_retry(app: App) -> None:
    runs: list[int] = []

    async def body() -> None:
        runs.append(1)
        raise PaymentDeclined("no")

    @app.job
    async def failing(payload: Any, io: IO) -> None:
        await io.run_task("k", body)

    run = await app.run(failing)
    assert run.status == "FAILURE"
    assert runs == [1]


async def test_attempts_are_counted_on_across_a_restart(durable_app: App) -> None:
    attempts: list[int] = []
    begun = asyncio.Event()

    async def body(task: Any) -> str:
        attempts.append(task.attempt)
        begun.set()
        if task.attempt < 3:
            raise PaymentDeclined("not yet")
        return "done"

    @durable_app.job
    async def retrying(payload: Any, io: IO) -> str:
        return await io.run_task(
            "k", body, retry=Retry(limit=3, factor=1, min_timeout=0.1, max_timeout=0.1, randomize=False)
        )

    async with durable_app.start():
        handle = await durable_app.client.invoke(retrying)
        await begun.wait()
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", "done")
    assert attempts == [1, 2, 3]


@pytest.mark.parametrize(
    "retry", [5, "3", {"limit": -1}, {"tries": 3}, {"factor": 0}, {"min_timeout": -1}, {"limit": 2.5}], ids=str
)
async def test_a_retry_that_is_none_is_refused(app: App, retry: Any) -> None:
    @app.job
    async def retrying(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", lambda: 1, retry=retry)
        except InvalidArgumentError as error:
            return error.code
        return "no error"

    assert await app.result(retrying) == "invalid_argument"


def test_the_presets_are_those_of_the_contract() -> None:
    standard, exponential = Retry.standard(), Retry.exponential()
    assert (standard.limit, standard.factor, standard.min_timeout, standard.max_timeout) == (8, 1.8, 0.5, 30)
    assert (exponential.limit, exponential.factor, exponential.min_timeout, exponential.max_timeout) == (8, 2, 1, 30)
