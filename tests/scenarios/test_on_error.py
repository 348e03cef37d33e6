"""`on_error`: it may retry at another time, give up, or fail a task otherwise."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, RetryAt, SkipRetrying
from perdure.errors import InvalidArgumentError
from tests.scenarios.app import App, task_of
from tests.scenarios.errors import PaymentDeclined, QuotaExceeded
from tests.scenarios.retries import AT_ONCE


async def test_on_error_that_returns_nothing_leaves_the_decision_to_retry(app: App) -> None:
    asked: list[tuple[str, int]] = []

    def body(task: Any) -> str:
        if task.attempt < 3:
            raise PaymentDeclined(f"attempt {task.attempt}")
        return "done"

    @app.job
    async def retrying(payload: Any, io: IO) -> str:
        def on_error(error: Exception, task: Any, io: IO) -> None:
            asked.append((str(error), task.attempt))

        return await io.run_task("k", body, retry=AT_ONCE, on_error=on_error)

    assert await app.result(retrying) == "done"
    assert asked == [("attempt 1", 1), ("attempt 2", 2)]


async def test_on_error_may_be_async_and_use_io(app: App) -> None:
    async def body() -> None:
        raise PaymentDeclined("no")

    @app.job
    async def failing(payload: Any, io: IO) -> str:
        async def on_error(error: Exception, task: Any, io: IO) -> Exception:
            await io.logger.warn("failed", {"attempt": task.attempt})
            return QuotaExceeded(await io.run_task("look up", lambda: 7), 4)

        try:
            await io.run_task("k", body, on_error=on_error)
        except QuotaExceeded as error:
            await io.wait("gate", 0.005)
            return str(error)
        return "no error"

    run = await app.run(failing)
    assert (run.status, run.output) == ("SUCCESS", "7 of 4 used")
    assert [line.message for line in run.logs] == ["failed"]


async def test_an_exception_from_on_error_replaces_the_error(app: App) -> None:
    @app.job
    async def failing(payload: Any, io: IO) -> str:
        def body() -> None:
            raise KeyError("original")

        try:
            await io.run_task("k", body, on_error=lambda error, task, io: PaymentDeclined("in its place"))
        except PaymentDeclined as error:
            await io.wait("gate", 0.005)
            return str(error)
        return "no error"

    run = await app.run(failing)
    assert (run.status, run.output) == ("SUCCESS", "in its place")
    error = task_of(run, "k").error
    assert error is not None
    assert error.name == "PaymentDeclined"


async def test_an_exception_from_on_error_is_retried_like_any(app: App) -> None:
    attempts: list[int] = []

    def body(task: Any) -> None:
        attempts.append(task.attempt)
        raise KeyError("original")

    @app.job
    async def failing(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", body, retry=AT_ONCE, on_error=lambda error, task, io: PaymentDeclined("other"))
        except PaymentDeclined:
            return "declined"
        return "no error"

    assert await app.result(failing) == "declined"
    assert attempts == [1, 2, 3, 4, 5]


async def test_skip_retrying_ends_the_task_at_once(app: App) -> None:
    attempts: list[int] = []

    def body(task: Any) -> None:
        attempts.append(task.attempt)
        raise PaymentDeclined("no")

    @app.job
    async def failing(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", body, retry=AT_ONCE, on_error=lambda error, task, io: SkipRetrying())
        except PaymentDeclined as error:
            return str(error)
        return "no error"

    assert await app.result(failing) == "no"
    assert attempts == [1]


async def test_retry_at_tries_again_at_that_instant_whatever_the_limit(app: App) -> None:
    instants: list[float] = []

    def body(task: Any) -> str:
        instants.append(time.monotonic())
        if task.attempt < 4:
            raise PaymentDeclined("not yet")
        return f"attempt {task.attempt}"

    @app.job
    async def retrying(payload: Any, io: IO) -> str:
        def on_error(error: Exception, task: Any, io: IO) -> RetryAt:
            return RetryAt(datetime.now(UTC) + timedelta(seconds=0.03), error=KeyError("shown"))

        return await io.run_task("k", body, on_error=on_error)

    run = await app.run(retrying)
    assert (run.status, run.output) == ("SUCCESS", "attempt 4")
    # The engine's clock counts milliseconds.
    assert all(later - earlier >= 0.028 for earlier, later in itertools.pairwise(instants))


async def test_retry_at_an_instant_that_has_passed_tries_again_at_once(app: App) -> None:
    def body(task: Any) -> str:
        if task.attempt == 1:
            raise PaymentDeclined("not yet")
        return f"attempt {task.attempt}"

    @app.job
    async def retrying(payload: Any, io: IO) -> str:
        return await io.run_task("k", body, on_error=lambda error, task, io: RetryAt(datetime(2020, 1, 1, tzinfo=UTC)))

    assert await app.result(retrying) == "attempt 2"


def test_retry_at_refuses_a_naive_instant() -> None:
    with pytest.raises(InvalidArgumentError):
        RetryAt(datetime(2030, 1, 1))  # noqa: DTZ001 — what is refused


async def test_on_error_that_returns_something_else_fails_the_task_in_the_same_way_each_time(app: App) -> None:
    bodies: list[int] = []
    met: list[str] = []

    def body() -> None:
        bodies.append(1)
        raise PaymentDeclined("no")

    @app.job
    async def failing(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", body, on_error=lambda error, task, io: "retry")
        except Exception as error:
            met.append(f"{type(error).__name__}: {error}")
        await io.wait("gate", 0.005)
        return met[-1]

    run = await app.run(failing)
    assert "InvalidArgumentError" in run.output
    assert len(set(met)) == 1
    assert bodies == [1]


async def test_on_error_that_raises_fails_the_task_with_what_it_raised(app: App) -> None:
    bodies: list[int] = []
    met: list[str] = []

    def body() -> None:
        bodies.append(1)
        raise PaymentDeclined("no")

    @app.job
    async def failing(payload: Any, io: IO) -> str:
        def on_error(error: Exception, task: Any, io: IO) -> None:
            raise QuotaExceeded(5, 4) from error

        try:
            await io.run_task("k", body, on_error=on_error)
        except Exception as error:
            met.append(f"{type(error).__name__}: {error}")
        await io.wait("gate", 0.005)
        return met[-1]

    run = await app.run(failing)
    assert run.output == "QuotaExceeded: 5 of 4 used"
    assert len(set(met)) == 1
    assert bodies == [1]
    assert task_of(run, "k").status == "ERRORED"
