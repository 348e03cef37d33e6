"""What a job leaves undone fails its run: calls that were never awaited, branches that have not ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import IO
from tests.scenarios.app import App, all_tasks


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda io: io.run_task("k", lambda: 1), ("run_task", "'k'")),
        (lambda io: io.wait("w", 1), ("wait", "'w'")),
        (lambda io: io.wait(seconds=1), ("wait",)),
        (lambda io: io.send_event(["a", 1], name="e"), ("send_event", "a-1")),
        (lambda io: io.logger.info("hello"), ("logger", "hello")),
        (lambda io: io.parallel("p", [1], _item), ("parallel", "'p'")),
        (lambda io: io.random("r"), ("random", "'r'")),
    ],
    ids=["run_task", "wait", "automatic", "send_event", "logger", "parallel", "random"],
)
async def test_a_call_that_is_never_awaited_fails_the_run_and_is_named(app: App, call: Any, names: Any) -> None:
    kept: list[Any] = []

    @app.job
    async def forgetting(payload: Any, io: IO) -> str:
        kept.append(call(io))
        await io.wait("gate", 0.005)
        return "done"

    run = await app.run(forgetting)
    assert run.status == "FAILURE"
    assert run.error is not None
    assert run.error.name == "UnawaitedTaskError"
    for name in names:
        assert name in run.error.message
    assert [task.key for task in all_tasks(run)] == ["gate"]


async def test_a_branch_that_has_not_ended_fails_the_run_and_its_task_is_named(app: App) -> None:
    branches: list[Any] = []
    cancelled: list[int] = []

    @app.job
    async def forgetting(payload: Any, io: IO) -> str:
        async def branch() -> None:
            try:
                await io.wait("forever", 3600)
            except asyncio.CancelledError:
                cancelled.append(1)
                raise

        branches.append(asyncio.create_task(branch()))
        await io.run_task("k", lambda: 1)
        return "done"

    async with app.start():
        handle = await app.client.invoke(forgetting)
        run = await app.finish(handle)
        assert await app.executions(handle) == 1
    assert run.status == "FAILURE"
    assert run.error is not None
    assert run.error.name == "UnawaitedTaskError"
    assert "wait" in run.error.message
    assert "'forever'" in run.error.message
    assert cancelled == [1]


async def test_a_branch_that_awaits_something_else_fails_the_run_too(app: App) -> None:
    branches: list[Any] = []

    @app.job
    async def forgetting(payload: Any, io: IO) -> str:
        branches.append(asyncio.create_task(asyncio.Event().wait()))
        return "done"

    run = await app.run(forgetting)
    assert run.status == "FAILURE"
    assert run.error is not None
    assert run.error.name == "UnawaitedTaskError"


async def test_the_error_of_a_job_that_fails_is_not_hidden_by_what_it_left_undone(app: App) -> None:
    kept: list[Any] = []

    @app.job
    async def failing(payload: Any, io: IO) -> str:
        kept.append(io.run_task("k", lambda: 1))
        kept.append(asyncio.create_task(io.wait("forever", 3600)))
        await io.run_task("k2", lambda: 1)
        raise LookupError("first of all")

    run = await app.run(failing)
    assert run.status == "FAILURE"
    assert run.error is not None
    assert (run.error.name, run.error.message) == ("LookupError", "first of all")


async def test_a_call_awaited_late_is_awaited(app: App) -> None:
    @app.job
    async def late(payload: Any, io: IO) -> list[int]:
        calls = [io.run_task(["k", n], lambda n=n: n) for n in range(3)]
        await io.wait("gate", 0.005)
        return [await call for call in reversed(calls)]

    assert await app.result(late) == [2, 1, 0]


async def test_a_call_left_unawaited_inside_a_task_body_fails_the_run(app: App) -> None:
    kept: list[Any] = []

    @app.job
    async def forgetting(payload: Any, io: IO) -> str:
        async def body(task: Any, io: IO) -> str:
            kept.append(io.run_task("inner", lambda: 1))
            return "done"

        return await io.run_task("outer", body)

    run = await app.run(forgetting)
    assert run.status == "FAILURE"
    assert run.error is not None
    assert run.error.name == "UnawaitedTaskError"
    assert "'inner'" in run.error.message


async def test_a_branch_that_has_just_ended_is_not_unfinished(app: App) -> None:
    @app.job
    async def quick(payload: Any, io: IO) -> int:
        async def branch() -> int:
            return 7

        task = asyncio.create_task(branch())
        await asyncio.sleep(0)
        return task.result()

    run = await app.run(quick)
    assert (run.status, run.output) == ("SUCCESS", 7)


async def test_a_branch_cancelled_before_it_began_is_not_unawaited(app: App) -> None:
    @app.job
    async def cancelling(payload: Any, io: IO) -> str:
        task = asyncio.create_task(io.run_task("k", lambda: 1))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return "done"

    run = await app.run(cancelling)
    assert (run.status, run.output) == ("SUCCESS", "done")


async def test_a_task_group_that_fails_at_once_leaves_nothing_unawaited(app: App) -> None:
    @app.job
    async def grouping(payload: Any, io: IO) -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(io.run_task("k", lambda: 1))
                raise LookupError
        except* LookupError:
            pass
        return "caught"

    run = await app.run(grouping)
    assert (run.status, run.output) == ("SUCCESS", "caught")


async def _item(value: int, index: int) -> int:
    return value
