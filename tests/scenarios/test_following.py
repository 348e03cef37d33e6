"""Whoever follows runs is told what is new of them, everything once it is stored, and the last of it for certain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import pytest

from perdure import IO, RunHandle
from perdure.engine import watches
from perdure.engine.hints import Hints
from perdure.errors import NotConnectedError, NotFoundError
from perdure.protocol.management import Desk, RunFilter
from perdure.protocol.runs import RunAnswer, RunTaskAnswer
from perdure.protocol.statuses import RunStatus
from tests.scenarios.app import PATIENCE, App, Gate

ALL = RunFilter()


def desk(app: App) -> Desk:
    return cast("Desk", app.node.platform)


def follow(app: App, run: RunHandle[Any] | str) -> AsyncGenerator[RunAnswer, None]:
    run_id = run if isinstance(run, str) else run.id
    return cast("AsyncGenerator[RunAnswer, None]", desk(app).follow_run(run_id))


def follow_all(app: App, filter: RunFilter = ALL) -> AsyncGenerator[RunAnswer, None]:
    return cast("AsyncGenerator[RunAnswer, None]", desk(app).follow_runs(filter))


async def begin(answers: AsyncGenerator[RunAnswer, None]) -> asyncio.Task[RunAnswer]:
    """Begin to read: what happens from now on is told."""
    first = asyncio.ensure_future(anext(answers))
    await asyncio.sleep(0)
    return first


async def every(answers: AsyncIterator[RunAnswer]) -> list[RunAnswer]:
    async with asyncio.timeout(PATIENCE):
        return [answer async for answer in answers]


async def read_on(answers: AsyncGenerator[RunAnswer, None], first: RunAnswer, statuses: dict[str, str]) -> None:
    """Read until runs have been told with these as their last statuses."""
    last = {first.id: str(first.status)}
    async with asyncio.timeout(PATIENCE):
        while not statuses.items() <= last.items():
            answer = await anext(answers)
            last[answer.id] = answer.status


def latest(answers: list[RunAnswer]) -> dict[str, RunTaskAnswer]:
    """Each task as it was told last."""
    return {task.id: task for answer in answers for task in answer.tasks}


async def stored(app: App, run_id: str) -> dict[str, RunTaskAnswer]:
    """Every task as it is stored."""
    found: dict[str, RunTaskAnswer] = {}
    cursor: str | None = None
    while True:
        page = await desk(app).get_run(run_id, cursor=cursor, take=50, subtasks=True)
        found |= {task.id: task for task in page.tasks}
        cursor = page.next_cursor
        if cursor is None:
            return found


async def test_what_is_told_adds_up_to_what_is_stored(app: App) -> None:
    async def outer(task: Any, io: IO) -> int:
        first = await io.run_task("inner", lambda: 1)
        return first + await io.run_task("other", lambda: 2)

    @app.job
    async def works(payload: Any, io: IO) -> int:
        await io.logger.info("begins")
        status = await io.create_status("progress", label="Progress", state="loading", data={"done": 0})
        total = await io.run_task("outer", outer)
        await io.wait("nap", 0.1)
        await asyncio.gather(*[io.run_task(f"part {number}", lambda: 1) for number in range(5)])
        await status.update("half", state="success", data={"done": 5})
        await io.logger.info("ends")
        return total

    async with app.start():
        handle = await app.client.invoke(works)
        answers = await every(follow(app, handle))
        assert latest(answers) == await stored(app, handle.id)
        run = await desk(app).get_run(handle.id)
    last = answers[-1]
    assert (last.status, last.output) == (RunStatus.SUCCESS, "3")
    assert [line.name for answer in answers for line in answer.logs] == [line.name for line in run.logs]
    assert {status.key: status for answer in answers for status in answer.statuses} == {"progress": run.statuses[0]}


async def test_what_is_not_for_showing_is_not_told(app: App) -> None:
    @app.job
    async def asks(payload: Any, io: IO) -> None:
        await io.run_task("token", lambda: {"token": "tr0ub4dor", "ok": True}, redact=["token"])

    async with app.start():
        handle = await app.client.invoke(asks)
        answers = await every(follow(app, handle))
        assert latest(answers) == await stored(app, handle.id)
    assert "tr0ub4dor" not in repr(answers)


async def test_a_line_of_the_log_is_told_while_the_run_goes_on(app: App) -> None:
    gate = Gate()

    @app.job
    async def logs(payload: Any, io: IO) -> None:
        for number in range(3):
            await io.logger.info(f"line {number}")
        await io.run_task("gate", gate)

    async with app.start():
        handle = await app.client.invoke(logs)
        lines: list[str] = []
        async with asyncio.timeout(PATIENCE), aclosing(follow(app, handle)) as answers:
            async for answer in answers:
                lines += [line.name for line in answer.logs]
                if len(lines) == 3:
                    break
        assert lines == [line.name for line in (await desk(app).get_run(handle.id)).logs]
        assert not (await desk(app).get_run(handle.id)).status.is_final
        gate.is_open = True
        await desk(app).cancel_run(handle.id)


async def test_a_reader_who_is_slow_misses_what_was_in_between_and_nothing_of_the_end(app: App) -> None:
    gate = Gate()

    @app.job
    async def counts(payload: Any, io: IO) -> str:
        await io.run_task("gate", gate)
        for number in range(300):
            await io.run_task(f"step {number}", lambda: 1)
        return "done"

    async with app.start():
        handle = await app.client.invoke(counts)
        answers = follow(app, handle)
        first = await anext(answers)
        gate.is_open = True
        gate.reached.set()
        await app.client.cancel_run(handle.id)
        await app.finish(handle)
        rest = await every(answers)
        assert rest[-1].status is RunStatus.CANCELED
        assert latest([first, *rest]) == await stored(app, handle.id)


async def test_a_run_of_very_many_tasks_and_lines_is_told_whole(app: App) -> None:
    @app.job
    async def does_much(payload: Any, io: IO) -> None:
        for number in range(450):
            await io.run_task(f"step {number}", lambda: 1)
            if number % 2:
                await io.logger.info(f"line {number}")

    async with app.start():
        handle = await app.client.invoke(does_much)
        await app.finish(handle)
        answers = await every(follow(app, handle))
        assert latest(answers) == await stored(app, handle.id)
    lines = [line.id for answer in answers for line in answer.logs]
    assert (len(lines), len(set(lines))) == (225, 225)
    assert answers[-1].status is RunStatus.SUCCESS


async def test_a_lost_hint_costs_no_more_than_a_poll(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hints, "run_has_changed", lambda self, run_id: None)

    @app.job
    async def naps(payload: Any, io: IO) -> str:
        await io.wait("nap", 0.05)
        return "rested"

    async with app.start(), aclosing(follow_all(app)) as everything:
        told = await begin(everything)
        handle = await app.client.invoke(naps)
        answers = await every(follow(app, handle))
        assert (answers[-1].status, answers[-1].output) == (RunStatus.SUCCESS, '"rested"')
        async with asyncio.timeout(PATIENCE):
            assert (await told).id == handle.id


async def test_runs_are_told_from_then_on_those_that_are_meant(app: App) -> None:
    @app.job
    async def fails(payload: Any, io: IO) -> None:
        raise ValueError("no")

    @app.job
    async def works(payload: Any, io: IO) -> int:
        return await io.run_task("work", lambda: 1)

    async with app.start():
        before = await app.client.invoke(works)
        await app.finish(before)
        only_failures = follow_all(app, RunFilter("fails", (RunStatus.FAILURE,)))
        async with aclosing(follow_all(app)) as everything, aclosing(only_failures) as failures:
            failure, told = await begin(failures), await begin(everything)
            worked, failed = await app.client.invoke(works), await app.client.invoke(fails)
            first = await told
            assert first.id != before.id
            assert first.tasks == ()
            await app.finish(worked)
            await app.finish(failed)
            await read_on(everything, first, {failed.id: "FAILURE"})
            assert ((await failure).id, (await failure).status) == (failed.id, RunStatus.FAILURE)


async def test_a_reader_of_all_runs_who_is_very_slow_still_learns_how_each_has_ended(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "MOST_CHANGED", 3)

    @app.job
    async def works(payload: Any, io: IO) -> int:
        return await io.run_task("work", lambda: 1)

    async with app.start(), aclosing(follow_all(app)) as everything:
        told = await begin(everything)
        handles = [await app.client.invoke(works)]
        first = await told
        handles += [await app.client.invoke(works) for _ in range(20)]
        for handle in handles:
            await app.finish(handle)
        await read_on(everything, first, {handle.id: "SUCCESS" for handle in handles})


async def test_nobody_is_kept_once_nobody_follows(app: App) -> None:
    @app.job
    async def works(payload: Any, io: IO) -> int:
        return await io.run_task("work", lambda: 1)

    async with app.start():
        handle = await app.client.invoke(works)
        one, everything = follow(app, handle), follow_all(app)
        await anext(one)
        told = await begin(everything)
        hints = app.node._embedded.engine.hints  # type: ignore[attr-defined]
        assert hints._watches.are_any
        await one.aclose()
        told.cancel()
        await asyncio.gather(told, return_exceptions=True)
        await everything.aclose()
        assert not hints._watches.are_any
        await app.finish(handle)


async def test_who_follows_is_told_when_the_node_stops(app: App) -> None:
    @app.job
    async def waits(payload: Any, io: IO) -> None:
        await io.wait("long", 3600)

    async with app.start():
        handle = await app.client.invoke(waits)
        await app.reach(handle, "WAITING_TO_CONTINUE")
        of_one, of_all = (asyncio.ensure_future(every(answers)) for answers in (follow(app, handle), follow_all(app)))
        await asyncio.sleep(0)
    for following in (of_one, of_all):
        with pytest.raises(NotConnectedError):
            await following


async def test_a_run_that_is_not_there_cannot_be_followed(app: App) -> None:
    async with app.start():
        with pytest.raises(NotFoundError, match="run_x"):
            await every(follow(app, "run_x"))
