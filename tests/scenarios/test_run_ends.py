"""How a run ends: by what its job returns or raises, whatever that is."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from perdure import IO
from tests.scenarios.app import PATIENCE, App, all_tasks
from tests.scenarios.errors import PaymentDeclined, Quiet, Unprintable


def exit_with(code: Any) -> Any:
    async def leave(io: IO) -> None:
        sys.exit(code)

    return leave


async def raise_quiet(io: IO) -> None:
    raise Quiet("quiet")


async def raise_group(io: IO) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(raise_declined(io))
        group.create_task(asyncio.sleep(0))


async def raise_declined(io: IO) -> None:
    raise PaymentDeclined("card 4242")


async def raise_unprintable(io: IO) -> None:
    raise Unprintable("x")


async def raise_cancelled(io: IO) -> None:
    raise asyncio.CancelledError


async def await_cancelled(io: IO) -> None:
    task = asyncio.create_task(asyncio.Event().wait())
    task.cancel()
    await task


async def cancel_itself(io: IO) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def raise_exit_group(io: IO) -> None:
    raise BaseExceptionGroup("several", [SystemExit(1), ValueError("one")])


async def recurse(io: IO) -> None:
    await recurse(io)


async def raise_generator_exit(io: IO) -> None:
    raise GeneratorExit


async def exit_in_a_body(io: IO) -> None:
    async def body() -> None:
        sys.exit(5)

    await io.run_task("k", body)


async def raise_quiet_in_a_body(io: IO) -> None:
    await io.run_task("k", lambda: _raise(Quiet("quiet")))


async def raise_stop_iteration(io: IO) -> None:
    raise StopIteration("end")


def _raise(error: BaseException) -> None:
    raise error


ENDS: list[tuple[Any, str, str]] = [
    (raise_declined, "PaymentDeclined", "card 4242"),
    (exit_with(3), "RuntimeError", "sys.exit(3)"),
    (exit_with(0), "RuntimeError", "sys.exit(0)"),
    (raise_quiet, "RuntimeError", "Quiet"),
    (raise_group, "ExceptionGroup", "1 sub-exception"),
    (raise_exit_group, "RuntimeError", "several"),
    (raise_unprintable, "Unprintable", ""),
    (raise_cancelled, "RuntimeError", "CancelledError"),
    (await_cancelled, "RuntimeError", "CancelledError"),
    (cancel_itself, "RuntimeError", "CancelledError"),
    (recurse, "RecursionError", "maximum recursion"),
    (raise_generator_exit, "RuntimeError", "GeneratorExit"),
    (exit_in_a_body, "RuntimeError", "sys.exit(5)"),
    (raise_quiet_in_a_body, "Quiet", "quiet"),
    (raise_stop_iteration, "RuntimeError", "StopIteration"),
]
"""What jobs do at last, with the name and a part of the message that their runs end with."""


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "after a wait"])
async def test_whatever_a_job_raises_ends_its_run_as_failed(app: App, waits: bool) -> None:
    @app.job
    async def ending(payload: Any, io: IO) -> None:
        if waits:
            await io.wait("w", 0.002)
        await ENDS[payload][0](io)

    async with app.start():
        # The node is none the worse for any of them.
        handles = [await app.client.invoke(ending, at) for at in range(len(ENDS)) for _ in range(2)]
        runs = [await app.finish(handle) for handle in handles]
    for at, run in enumerate(runs):
        _, name, text = ENDS[at // 2]
        assert run.status == "FAILURE"
        assert run.error is not None
        assert run.error.name == name
        assert text in run.error.message
        assert run.output is None


async def test_a_branch_that_raises_what_is_no_exception_fails_its_run(app: App) -> None:
    @app.job
    async def failing(payload: Any, io: IO) -> None:
        await asyncio.gather(raise_quiet(io), io.wait("w", 0.005))

    run = await app.run(failing)
    assert run.status == "FAILURE"


@pytest.mark.parametrize("value", [None, 0, "", [], {}, False, 1.5, "text", {"a": [1, None]}])
async def test_what_a_job_returns_is_its_output(app: App, value: Any) -> None:
    @app.job
    async def returning(payload: Any, io: IO) -> Any:
        await io.wait("w", 0.002)
        return value

    async with app.start():
        handle = await app.client.invoke(returning)
        got = await handle.result(timeout=PATIENCE)
        run = await app.finish(handle)
    assert got == value
    assert type(got) is type(value)
    assert run.output == value
    assert run.error is None
    assert run.completed_at is not None


async def test_a_job_takes_as_many_of_the_three_as_it_names(app: App) -> None:
    @app.job
    async def one(payload: Any) -> Any:
        return payload

    @app.job
    async def two(payload: Any, io: IO) -> Any:
        return [payload, await io.run_task("k", lambda: 2)]

    @app.job
    async def three(payload: Any, io: IO, ctx: Any) -> Any:
        return [payload, ctx.job.id]

    async with app.start():
        got = [await (await app.client.invoke(job, 1)).result(timeout=PATIENCE) for job in (one, two, three)]
    assert got == [1, [1, 2], [1, "three"]]


async def test_many_runs_at_once_do_not_meet(app: App) -> None:
    @app.job
    async def counting(payload: Any, io: IO) -> list[int]:
        first = await io.run_task("first", lambda: payload)
        await io.wait("w", 0.01)
        second = await io.run_task("second", lambda: payload * 2)
        return [first, second]

    async with app.start():
        handles = await asyncio.gather(*(app.client.invoke(counting, number) for number in range(50)))
        got = await asyncio.gather(*(handle.result(timeout=PATIENCE) for handle in handles))
    assert got == [[number, number * 2] for number in range(50)]


async def test_a_run_shows_its_tasks_page_by_page(app: App) -> None:
    @app.job
    async def many(payload: Any, io: IO) -> None:
        for number in range(25):
            await io.run_task(["k", number], lambda number=number: number)

    async with app.start():
        handle = await app.client.invoke(many)
        await app.finish(handle)
        seen: list[Any] = []
        cursor: str | None = None
        while True:
            page = await app.client.get_run(handle.id, cursor=cursor, take=10)
            seen += [task.output for task in page.tasks]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert seen == list(range(25))


async def test_a_failed_run_keeps_what_it_did(app: App) -> None:
    @app.job
    async def failing(payload: Any, io: IO) -> None:
        await io.run_task("done", lambda: "kept")
        await io.wait("w", 0.002)
        raise PaymentDeclined("no")

    run = await app.run(failing)
    assert [(task.key, task.status, task.output) for task in all_tasks(run)] == [
        ("done", "COMPLETED", "kept"),
        ("w", "COMPLETED", None),
    ]


async def test_a_branch_that_exits_fails_its_run_and_leaves_the_node_alone(app: App) -> None:
    """An event loop lets a SystemExit of one of its tasks pass, and with it everything else would end."""

    @app.job
    async def leaving(payload: Any, io: IO) -> None:
        async def branch() -> None:
            await io.run_task("k", lambda: 1)
            sys.exit(3)

        await asyncio.gather(branch(), io.wait("w", 0.005))

    @app.job
    async def fine(payload: Any) -> str:
        return "fine"

    async with app.start():
        handle = await app.client.invoke(leaving)
        run = await app.finish(handle)
        assert run.status == "FAILURE"
        assert run.error is not None
        assert "sys.exit(3)" in run.error.message
        assert await (await app.client.invoke(fine)).result(timeout=PATIENCE) == "fine"


async def test_an_item_of_a_parallel_block_that_exits_fails_its_run(app: App) -> None:
    @app.job
    async def leaving(payload: Any, io: IO) -> str:
        async def item(value: int, index: int) -> int:
            if index == 1:
                sys.exit(3)
            return value

        await io.parallel("p", [1, 2], item)
        return "done"

    run = await app.run(leaving)
    assert run.status == "FAILURE"
    assert run.error is not None
    assert "sys.exit(3)" in run.error.message


async def test_a_job_that_cancels_itself_and_returns_fails_its_run(app: App) -> None:
    @app.job
    async def cancelling(payload: Any, io: IO) -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return "returned"

    run = await app.run(cancelling)
    assert run.status == "FAILURE"
    assert run.error is not None
    assert "CancelledError" in run.error.message
