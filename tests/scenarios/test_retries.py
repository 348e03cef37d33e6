"""Retries: how often a body runs, what is recorded of its attempts, and when it has failed for good."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, Retry, RetryAt, SkipRetrying
from perdure.errors import InvalidArgumentError, TaskTimeoutError
from tests.scenarios.app import PATIENCE, App, all_tasks, task_of
from tests.scenarios.errors import PaymentDeclined, QuotaExceeded

AT_ONCE = Retry(limit=5, factor=1, min_timeout=0.001, max_timeout=0.002, randomize=False)


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


async def test_a_task_that_failed_for_good_inside_is_no_reason_to_try_the_outer_one_again(app: App) -> None:
    outer: list[int] = []
    inner: list[int] = []

    @app.job
    async def nesting(payload: Any, io: IO) -> str:
        async def middle(task: Any, io: IO) -> None:
            async def body() -> None:
                inner.append(1)
                raise QuotaExceeded(5, 4)

            await io.run_task("inner", body)

        async def body(task: Any, io: IO) -> None:
            outer.append(task.attempt)
            await io.run_task("middle", middle, retry=AT_ONCE)

        try:
            await io.run_task("outer", body, retry=AT_ONCE)
        except QuotaExceeded as error:
            await io.wait("gate", 0.005)
            return str(error)
        return "no error"

    run = await app.run(nesting)
    assert run.output == "5 of 4 used"
    assert (outer, inner) == ([1], [1])
    assert task_of(run, "outer").attempts == 1


async def test_an_outer_task_that_turns_the_error_into_its_own_is_tried_again(app: App) -> None:
    outer: list[int] = []

    @app.job
    async def nesting(payload: Any, io: IO) -> str:
        async def inner() -> None:
            raise QuotaExceeded(5, 4)

        async def body(task: Any, io: IO) -> None:
            outer.append(task.attempt)
            try:
                await io.run_task("inner", inner)
            except QuotaExceeded as error:
                raise PaymentDeclined("translated") from error

        try:
            await io.run_task("outer", body, retry={"limit": 2, "min_timeout": 0.001})
        except PaymentDeclined as error:
            return str(error)
        return "no error"

    assert await app.result(nesting) == "translated"
    assert sorted(set(outer)) == [1, 2]


async def test_a_task_inside_a_parallel_block_is_retried_by_itself(app: App) -> None:
    runs: list[int] = []

    @app.job
    async def fanning(payload: Any, io: IO) -> list[int]:
        async def item(value: int, index: int) -> int:
            def body(task: Any) -> int:
                runs.append(index)
                if task.attempt <= index:
                    raise PaymentDeclined("not yet")
                return value + task.attempt

            return await io.run_task(["item", index], body, retry=AT_ONCE)

        return await io.parallel("p", [10, 20, 30], item)

    run = await app.run(fanning)
    assert (run.status, run.output) == ("SUCCESS", [11, 22, 33])
    assert sorted(runs) == [0, 1, 1, 2, 2, 2]


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


@pytest.mark.parametrize("timeout", [-1, "1", float("nan"), True, float("inf")])
async def test_a_timeout_that_is_no_duration_is_refused(app: App, timeout: Any) -> None:
    bodies: list[int] = []

    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", lambda: bodies.append(1), timeout=timeout)
        except InvalidArgumentError as error:
            return error.code
        return "no error"

    assert await app.result(bounded) == "invalid_argument"
    assert bodies == []


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


# on_error


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


async def test_tasks_inside_a_retried_body_are_not_run_again(app: App) -> None:
    inner: list[int] = []
    outer: list[int] = []

    @app.job
    async def retrying(payload: Any, io: IO) -> str:
        async def body(task: Any, io: IO) -> str:
            outer.append(task.attempt)
            got = await io.run_task("inner", lambda: inner.append(1) or "kept")
            await io.wait("pause", 0.05)
            if task.attempt < 3:
                raise PaymentDeclined("not yet")
            return got

        return await io.run_task("outer", body, retry=AT_ONCE)

    run = await app.run(retrying)
    assert (run.status, run.output) == ("SUCCESS", "kept")
    assert inner == [1]
    assert sorted(set(outer)) == [1, 2, 3]
    if not app.force_replay:
        assert outer == [1, 2, 3]
    assert len(all_tasks(run)) == 3


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


async def test_an_outer_task_is_not_tried_again_for_inner_failures_that_came_in_a_group(app: App) -> None:
    outer: list[int] = []

    @app.job
    async def nesting(payload: Any, io: IO) -> str:
        async def inner() -> None:
            raise QuotaExceeded(5, 4)

        async def body(task: Any, io: IO) -> None:
            outer.append(task.attempt)
            async with asyncio.TaskGroup() as group:
                group.create_task(io.run_task("inner", inner))
                group.create_task(io.run_task("other", lambda: 1))

        try:
            await io.run_task("outer", body, retry=AT_ONCE)
        except Exception as error:
            return type(error).__name__
        return "no error"

    run = await app.run(nesting)
    assert run.status == "SUCCESS"
    assert outer == [1]
