"""`on_error` of plain jobs, and plain ones of async jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from perdure import IO, RetryAt, SkipRetrying, SyncIO
from tests.scenarios.app import App, task_of
from tests.scenarios.errors import PaymentDeclined, QuotaExceeded
from tests.scenarios.plain.threads import name_of_thread
from tests.scenarios.retries import AT_ONCE


async def test_a_plain_on_error_runs_in_the_jobs_thread_and_may_use_io(app: App) -> None:
    asked: list[tuple[str, int, str]] = []

    @app.job
    def deciding(payload: Any, io: SyncIO) -> str:
        def body(task: Any) -> None:
            raise PaymentDeclined("first")

        def decide(error: Exception, task: Any, io: SyncIO) -> Exception:
            asked.append((str(error), task.attempt, name_of_thread()))
            reason = io.run_task("look up", lambda: "reason")
            return QuotaExceeded(len(reason), 4)

        try:
            io.run_task("k", body, on_error=decide)
        except QuotaExceeded as error:
            return str(error)
        return "none"

    run = await app.run(deciding)
    assert run.output == "6 of 4 used"
    assert asked == [("first", 1, "perdure-job")]


async def test_an_async_on_error_of_a_plain_job_gets_an_io_to_await(app: App) -> None:
    @app.job
    def deciding(payload: Any, io: SyncIO) -> int:
        def body(task: Any) -> int:
            if task.attempt < 3:
                raise PaymentDeclined("not yet")
            return int(task.attempt)

        async def decide(error: Exception, task: Any, io: IO) -> RetryAt:
            await io.logger.info(f"attempt {task.attempt} failed")
            return RetryAt(datetime.now(UTC) + timedelta(milliseconds=2))

        return io.run_task("k", body, on_error=decide)

    run = await app.run(deciding)
    assert run.output == 3
    assert [line.message for line in run.logs] == ["attempt 1 failed", "attempt 2 failed"]


async def test_a_plain_on_error_of_an_async_job_gets_a_library_that_blocks(app: App) -> None:
    threads: list[str] = []

    @app.job
    async def deciding(payload: Any, io: IO) -> str:
        async def body(task: Any) -> None:
            raise PaymentDeclined("no")

        def decide(error: Exception, task: Any, io: SyncIO) -> SkipRetrying:
            threads.append(name_of_thread())
            io.run_task("note", lambda: str(error))
            return SkipRetrying()

        try:
            await io.run_task("k", body, retry=AT_ONCE, on_error=decide)
        except PaymentDeclined as error:
            return str(error)
        return "none"

    run = await app.run(deciding)
    assert run.output == "no"
    assert threads == ["perdure-body"]
    assert task_of(run, "note").output == "no"
