"""Suspension and the job's own code: what it catches, what it cleans up, what it must not swallow."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from perdure import IO
from tests.scenarios.app import SUSPENDS, App, all_tasks


def line_of(mark: str) -> int:
    """The line of this file that ends in a mark."""
    lines = Path(__file__).read_text().splitlines()
    return 1 + next(at for at, line in enumerate(lines) if line.endswith(f"# {mark}"))


async def test_except_exception_never_catches_a_suspension(app: App) -> None:
    caught: list[str] = []

    @app.job
    async def careful(payload: Any, io: IO) -> str:
        try:
            await io.wait("w", 0.01)
        except Exception as error:
            caught.append(repr(error))
            raise
        return "done"

    run = await app.run(careful)
    assert (run.status, run.output, run.warnings) == ("SUCCESS", "done", ())
    assert caught == []


async def test_finally_blocks_run_whenever_an_execution_is_interrupted(app: App) -> None:
    entered: list[int] = []
    left: list[int] = []

    @contextlib.asynccontextmanager
    async def resource() -> Any:
        entered.append(1)
        try:
            yield
        finally:
            await asyncio.sleep(0)
            left.append(1)

    @app.job
    async def cleaning(payload: Any, io: IO) -> str:
        async with resource():
            await io.wait("w", SUSPENDS)
            await io.wait("w2", SUSPENDS)
        return "done"

    assert await app.result(cleaning) == "done"
    assert len(entered) == len(left) == (3 if app.force_replay else 1)


async def test_io_calls_in_a_finally_block_do_nothing_while_the_run_is_interrupted(app: App) -> None:
    bodies: list[str] = []

    @app.job
    async def cleaning(payload: Any, io: IO) -> str:
        try:
            await io.wait("w", 0.01)
        finally:
            await io.logger.info("cleaning up")
            await io.run_task("clean", lambda: bodies.append("clean"))
        return "done"

    run = await app.run(cleaning)
    assert (run.status, run.output, run.warnings) == ("SUCCESS", "done", ())
    assert bodies == ["clean"]
    assert [line.message for line in run.logs] == ["cleaning up"]


async def test_a_bare_except_around_a_wait_leaves_the_run_right_and_warns_where_it_is(app: App) -> None:
    bodies: list[str] = []

    @app.job
    async def swallowing(payload: Any, io: IO) -> str:
        try:
            await io.wait("w", SUSPENDS)  # caught by a bare except
        except:  # noqa: E722 — what this test is about
            return "swallowed"
        return await io.run_task("after", lambda: bodies.append("after") or "right")

    run = await app.run(swallowing)
    assert (run.status, run.output) == ("SUCCESS", "right")
    assert bodies == ["after"]
    if app.force_replay:
        (warning,) = run.warnings
        assert f"{__file__}:{line_of('caught by a bare except')}" in warning
    else:
        assert run.warnings == ()


async def test_gather_that_returns_exceptions_does_no_harm(app: App) -> None:
    @app.job
    async def gathering(payload: Any, io: IO) -> list[str]:
        got = await asyncio.gather(
            io.wait("w", 0.01),
            io.run_task("quick", lambda: "quick"),
            io.wait("w2", 0.02),
            return_exceptions=True,
        )
        return [repr(one) for one in got]

    run = await app.run(gathering)
    assert (run.status, run.output) == ("SUCCESS", ["None", "'quick'", "None"])
    assert run.warnings == ()


async def test_what_interrupted_code_returns_or_raises_is_discarded(app: App) -> None:
    @app.job
    async def messy(payload: Any, io: IO) -> str:
        got = await asyncio.gather(io.wait("w", 0.01), return_exceptions=True)
        if got != [None]:
            raise ValueError("a suspension is no result")
        return "right"

    run = await app.run(messy)
    assert (run.status, run.output) == ("SUCCESS", "right")


async def test_a_thousand_calls_in_an_interrupted_execution_are_still_forgiven(app: App) -> None:
    @app.job
    async def noisy(payload: Any, io: IO) -> str:
        try:
            await io.wait("w", 0.01)
        except BaseException:
            for _ in range(1000):
                with contextlib.suppress(BaseException):
                    await io.logger.info("interrupted?")
            raise
        return "right"

    run = await app.run(noisy)
    assert (run.status, run.output) == ("SUCCESS", "right")
    assert run.logs == ()


async def test_an_interrupt_passes_a_task_group_and_except_star(app: App) -> None:
    caught: list[str] = []

    @app.job
    async def grouping(payload: Any, io: IO) -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(io.wait("w", 0.01))
                group.create_task(io.wait("w2", 0.02))
        except* Exception as errors:
            caught.append(repr(errors))
        return "right"

    run = await app.run(grouping)
    assert (run.status, run.output, run.warnings) == ("SUCCESS", "right", ())
    assert caught == []


async def test_a_branch_that_swallows_a_cancellation_is_left_behind(app: App) -> None:
    """A foreign branch is cut by cancelling it; one that does not care ends with its execution's results unread."""
    executions: list[int] = []
    stuck = asyncio.Event()

    @app.job
    async def ignoring(payload: Any, io: IO) -> str:
        executions.append(1)

        async def foreign() -> str:
            if len(executions) == 1:
                with contextlib.suppress(BaseException):
                    await stuck.wait()
                return "wrong"
            return "right"

        got, _ = await asyncio.gather(foreign(), io.wait("w", 0.25))
        return got

    run = await app.run(ignoring)
    assert (run.status, run.output) == ("SUCCESS", "right")


@pytest.mark.parametrize("catch", [Exception, BaseException])
async def test_a_catching_retry_loop_of_the_users_own_works(app: App, catch: type[BaseException]) -> None:
    attempts: list[int] = []

    async def flaky() -> str:
        attempts.append(1)
        if len(attempts) < 3:
            raise OSError("not yet")
        return "third time"

    @app.job
    async def looping(payload: Any, io: IO) -> str:
        for attempt in range(5):
            try:
                return await io.run_task(["try", attempt], flaky)
            except catch:
                await io.wait(["pause", attempt], 0.005)
        return "never"

    run = await app.run(looping)
    assert (run.status, run.output) == ("SUCCESS", "third time")
    assert len(attempts) == 3
    assert len(all_tasks(run)) == 5


async def test_code_that_never_lets_an_interrupt_pass_ends_its_run(app: App) -> None:
    tries: list[int] = []

    @app.job
    async def stubborn(payload: Any, io: IO) -> str:
        try:
            await io.wait("w", SUSPENDS)
        except BaseException:
            while True:
                tries.append(1)
                with contextlib.suppress(BaseException):
                    await io.run_task("again", lambda: 1)
        return "right"

    run = await app.run(stubborn)
    if not app.force_replay:
        assert (run.status, run.output) == ("SUCCESS", "right")
        return
    assert run.status == "FAILURE"
    assert run.error is not None
    assert run.error.name == "SuspensionSwallowedError"
    assert __file__ in run.error.message
    assert len(tries) > 1000


async def test_code_that_goes_on_after_swallowing_an_interrupt_is_warned_of_too(app: App) -> None:
    """What the interrupted code asks for next raises the interrupt again; it was swallowed all the same."""
    bodies: list[str] = []

    @app.job
    async def swallowing(payload: Any, io: IO) -> str:
        with contextlib.suppress(BaseException):
            await io.wait("w", SUSPENDS)  # suppressed
        return await io.run_task("after", lambda: bodies.append("after") or "right")

    run = await app.run(swallowing)
    assert (run.status, run.output) == ("SUCCESS", "right")
    assert bodies == ["after"]
    if app.force_replay:
        (warning,) = run.warnings
        assert f"{__file__}:{line_of('suppressed')}" in warning


async def test_a_swallowed_interrupt_inside_a_task_body_records_no_result(app: App) -> None:
    @app.job
    async def nesting(payload: Any, io: IO) -> str:
        async def body(task: Any, io: IO) -> str:
            try:
                await io.wait("w", 0.01)
            except BaseException:
                return "wrong"
            return "right"

        return await io.run_task("outer", body)

    run = await app.run(nesting)
    assert (run.status, run.output) == ("SUCCESS", "right")


async def test_an_except_that_raises_something_else_leaves_the_run_right_and_warns(app: App) -> None:
    @app.job
    async def translating(payload: Any, io: IO) -> str:
        try:
            await io.wait("w", SUSPENDS)
        except BaseException as error:
            raise RuntimeError("translated") from error
        return "right"

    run = await app.run(translating)
    assert (run.status, run.output) == ("SUCCESS", "right")
    assert len(run.warnings) == (1 if app.force_replay else 0)
