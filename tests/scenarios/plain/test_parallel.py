"""`io.parallel` with a plain function: every item in a thread, at the same time."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from perdure import IO, SyncIO, current
from tests.scenarios import shapes
from tests.scenarios.app import PATIENCE, App, all_tasks, task_of
from tests.scenarios.errors import PaymentDeclined, QuotaExceeded
from tests.scenarios.plain.threads import Meeting, name_of_thread


async def test_items_run_at_the_same_time_and_give_their_results_in_order(app: App) -> None:
    meeting = Meeting(10)

    @app.job
    def meeting_all(payload: Any, io: SyncIO) -> list[str]:
        def item(number: int, index: int) -> str:
            io.run_task(["meet", number], meeting)
            return f"{number} at {index} in {name_of_thread()}"

        return io.parallel("p", list(range(10)), item)

    run = await app.run(meeting_all)
    assert run.output == [f"{number} at {number} in perdure-item" for number in range(10)]
    assert task_of(run, "p/meet-3").status == "COMPLETED"


async def test_a_plain_function_over_items_works_in_async_jobs_too(app: App) -> None:
    meeting = Meeting(3)

    @app.job
    async def meeting_all(payload: Any, io: IO) -> list[str]:
        def item(number: int, index: int) -> str:
            meeting()
            inner = current(SyncIO).io
            inner.wait(["w", number], 0.005)
            return inner.run_task(["k", number], name_of_thread)

        return await io.parallel("p", [1, 2, 3], item)

    run = await app.run(meeting_all)
    assert run.output == ["perdure-item"] * 3


async def test_an_async_function_over_items_of_a_plain_job_runs_on_the_loop(app: App) -> None:
    @app.job
    def mixing(payload: Any, io: SyncIO) -> list[str]:
        async def item(number: int, index: int) -> str:
            inner = current().io
            await inner.wait(["w", number], 0.005)
            return await inner.run_task(["k", number], on_loop)

        return io.parallel("p", [1, 2, 3], item)

    async def on_loop() -> str:
        return name_of_thread()

    run = await app.run(mixing)
    assert run.output == ["loop"] * 3


async def test_results_are_typed_as_the_function_is_annotated(app: App) -> None:
    def item(amount: str, index: int) -> shapes.Money:
        return shapes.Money(amount=amount)  # type: ignore[arg-type]

    @app.job
    def typed(payload: Any, io: SyncIO) -> bool:
        made = io.parallel("p", ["1", "2"], item)
        io.wait("w", 0.002)
        return all(isinstance(one, shapes.Money) for one in made)

    assert (await app.run(typed)).output is True


async def test_the_failure_of_the_first_item_is_raised_once_all_have_ended(app: App) -> None:
    ended: list[int] = []

    @app.job
    def failing(payload: Any, io: SyncIO) -> str:
        def item(number: int, index: int) -> None:
            io.wait(["w", number], 0.01 * (4 - number))
            ended.append(number)
            if number == 1:
                raise QuotaExceeded(5, 4)
            if number == 2:
                raise PaymentDeclined("no")
            if number == 3:
                raise SystemExit(1)

        try:
            io.parallel("p", [0, 1, 2, 3], item)
        except QuotaExceeded as error:
            io.wait("w", 0.002)
            return str(error)
        return "none"

    run = await app.run(failing)
    assert run.output == "5 of 4 used"
    assert set(ended) == {0, 1, 2, 3}


async def test_automatic_keys_of_items_are_kept_apart(app: App) -> None:
    ran: list[str] = []

    @app.job
    def counting(payload: Any, io: SyncIO) -> list[list[str]]:
        def load(task: Any) -> str:
            ran.append(task.id)
            return str(task.id)

        def item(number: int, index: int) -> list[str]:
            first = io.run_task(fn=load)
            io.wait(seconds=0.002)
            return [first, io.run_task(fn=load)]

        return io.parallel("p", [1, 2, 3], item)

    run = await app.run(counting)
    assert run.status == "SUCCESS"
    ids = [id for pair in run.output for id in pair]
    assert len(set(ids)) == 6
    assert sorted(ran) == sorted(ids)


async def test_blocks_within_blocks(app: App) -> None:
    @app.job
    def nesting(payload: Any, io: SyncIO) -> list[list[int]]:
        def outer(row: int, index: int) -> list[int]:
            def inner(column: int, index: int) -> int:
                io.wait(["w", row, column], 0.005)
                return io.run_task(["k", row, column], lambda: 10 * row + column)

            return io.parallel(["row", row], [1, 2, 3], inner)

        return io.parallel("rows", [1, 2, 3], outer)

    run = await app.run(nesting)
    assert run.output == [[11, 12, 13], [21, 22, 23], [31, 32, 33]]
    assert len(all_tasks(run)) == 1 + 3 + 18


async def test_more_items_than_there_are_threads_are_all_worked_on(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_MAX_THREADS", "1")

    @app.job
    def many(payload: int, io: SyncIO) -> int:
        return sum(
            io.parallel("p", list(range(payload)), lambda number, index: io.run_task(["k", number], lambda: number))
        )

    async with app.start():
        handles = [await app.client.invoke(many, 30) for _ in range(3)]
        assert [await handle.result(timeout=PATIENCE) for handle in handles] == [435] * 3


async def test_more_waiting_items_than_there_are_threads_get_on_turn_by_turn(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_MAX_THREADS", "1")

    @app.job
    def many(payload: Any, io: SyncIO) -> list[int]:
        def item(number: int, index: int) -> int:
            io.wait(["w", number], 0.005)
            return number

        return io.parallel("p", list(range(20)), item)

    run = await app.run(many)
    assert run.output == list(range(20))


async def test_blocks_within_blocks_get_on_when_there_are_too_few_threads(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_MAX_THREADS", "1")

    @app.job
    def nesting(payload: int, io: SyncIO) -> int:
        return count(io, payload, ())

    def count(io: SyncIO, depth: int, path: tuple[int, ...]) -> int:
        if depth == 0:
            return io.run_task(["leaf", *path], lambda: 1)

        def item(number: int, index: int) -> int:
            return count(io, depth - 1, (*path, number))

        return sum(io.parallel(["p", *path], [1, 2, 3], item))

    async with app.start():
        handles = [await app.client.invoke(nesting, 3) for _ in range(2)]
        assert [await handle.result(timeout=PATIENCE) for handle in handles] == [27, 27]


async def test_nothing_is_done_over_no_items(app: App) -> None:
    @app.job
    def empty(payload: Any, io: SyncIO) -> list[int]:
        return io.parallel("p", [], lambda item, index: 1)

    assert (await app.run(empty)).output == []


async def test_threads_that_ask_for_one_task_share_it(app: App) -> None:
    meeting = Meeting(4)
    ran: list[int] = []

    def load() -> int:
        ran.append(1)
        threading.Event().wait(0.02)
        return len(ran)

    @app.job
    def sharing(payload: Any, io: SyncIO) -> list[int]:
        def item(number: int, index: int) -> int:
            meeting()
            return io.run_task("shared", load)

        return io.parallel("p", [1, 2, 3, 4], item)

    run = await app.run(sharing)
    assert run.output == [1] * 4
    assert ran == [1]
    assert len(run.warnings) == 1


async def test_a_shared_task_that_fails_fails_for_all_who_share_it(app: App) -> None:
    meeting = Meeting(3)
    ran: list[int] = []

    def load() -> None:
        ran.append(1)
        threading.Event().wait(0.01)
        raise PaymentDeclined("no")

    @app.job
    def sharing(payload: Any, io: SyncIO) -> list[str]:
        def item(number: int, index: int) -> str:
            meeting()
            try:
                io.run_task("shared", load, retry={"limit": 2, "min_timeout": 0.001, "max_timeout": 0.001})
            except PaymentDeclined as error:
                return str(error)
            return "none"

        return io.parallel("p", [1, 2, 3], item)

    async with app.start():
        # Attempts park their threads, and the run is suspended and replayed: the meeting is for one execution.
        meeting = Meeting(1)
        run = await app.finish(await app.client.invoke(sharing))
    assert run.output == ["no"] * 3
    assert len(ran) == 2


async def test_items_of_an_interrupted_block_leave_no_thread_behind(app: App) -> None:
    left = threading.Barrier(3, timeout=PATIENCE)

    @app.job
    def waiting(payload: Any, io: SyncIO) -> str:
        def item(number: int, index: int) -> None:
            try:
                io.wait_for_event(["w", number], name="never")
            finally:
                left.wait()

        io.parallel("p", [1, 2], item)
        return "done"

    async with app.start():
        handle = await app.client.invoke(waiting)
        await asyncio.to_thread(left.wait)
        await app.reach(handle, "WAITING_TO_CONTINUE")
        left.reset()
        await handle.cancel()
        assert await handle.status() == "CANCELED"
