"""The job's own asyncio timers: one that goes off while the run is parked has no effect."""

from __future__ import annotations

import asyncio
from typing import Any

from perdure import IO
from perdure.errors import TaskTimeoutError
from tests.scenarios.app import PATIENCE, SUSPENDS, App, all_tasks


async def test_asyncio_timeout_around_a_longer_wait_has_no_effect(app: App) -> None:
    bodies: list[str] = []

    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        await io.run_task("before", lambda: bodies.append("before"))
        try:
            async with asyncio.timeout(0.5):
                await io.wait("w", 0.6)
        except TimeoutError:
            return await io.run_task("fallback", lambda: bodies.append("fallback") or "timed out")
        return "waited"

    run = await app.run(bounded)
    assert (run.status, run.output) == ("SUCCESS", "waited")
    assert bodies == ["before"]
    assert [task.key for task in all_tasks(run)] == ["before", "w"]


async def test_wait_for_around_a_longer_wait_has_no_effect(app: App) -> None:
    bodies: list[str] = []

    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        await io.run_task("before", lambda: bodies.append("before"))
        try:
            await asyncio.wait_for(io.wait("w", 0.6), 0.5)
        except TimeoutError:
            return await io.run_task("fallback", lambda: bodies.append("fallback") or "timed out")
        return "waited"

    run = await app.run(bounded)
    assert (run.status, run.output) == ("SUCCESS", "waited")
    assert bodies == ["before"]


async def test_a_timer_inside_a_task_body_has_no_effect_while_the_run_is_parked(app: App) -> None:
    bodies: list[str] = []

    @app.job
    async def nesting(payload: Any, io: IO) -> str:
        async def outer(task: Any, io: IO) -> str:
            await io.run_task("before", lambda: bodies.append("before"))
            try:
                async with asyncio.timeout(0.5):
                    await io.wait("w", 0.6)
            except TimeoutError:
                return "timed out"
            return "waited"

        return await io.run_task("outer", outer, retry={"limit": 3, "min_timeout": 0.001})

    run = await app.run(nesting)
    assert (run.status, run.output) == ("SUCCESS", "waited")
    assert bodies == ["before"]


async def test_call_later_that_sets_an_event_cannot_resume_a_parked_run(app: App) -> None:
    bodies: list[str] = []

    @app.job
    async def ringing(payload: Any, io: IO) -> str:
        ended = asyncio.create_task(io.wait("w", 0.6))
        asyncio.get_running_loop().call_later(0.5, ended.cancel)
        try:
            await ended
        except asyncio.CancelledError:
            await io.run_task("fallback", lambda: bodies.append("fallback"))
            return "cancelled"
        return "waited"

    run = await app.run(ringing)
    assert (run.status, run.output) == ("SUCCESS", "waited")
    assert bodies == []


async def test_a_timer_while_another_branch_works_takes_effect(app: App) -> None:
    """The run is not parked then: its own code may give up waiting."""
    held = asyncio.Event()

    @app.job
    async def working(payload: Any, io: IO) -> list[str]:
        async def bounded() -> str:
            try:
                async with asyncio.timeout(0.02):
                    await io.wait("w", 3600)
            except TimeoutError:
                held.set()
                return "timed out"
            return "waited"

        async def body() -> str:
            await held.wait()
            return "worked"

        return list(await asyncio.gather(bounded(), io.run_task("long", body)))

    async with app.start():
        handle = await app.client.invoke(working)
        assert await handle.result(timeout=PATIENCE) == ["timed out", "worked"]
        assert await app.executions(handle) == 1


async def test_the_timeout_of_a_task_leaves_the_time_out_in_which_it_is_parked(app: App) -> None:
    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        async def body(task: Any, io: IO) -> str:
            await io.wait("w", 0.4)
            await io.wait("w2", 0.3)
            return f"attempt {task.attempt}"

        return await io.run_task("outer", body, timeout=0.5)

    assert await app.result(bounded) == "attempt 1"


async def test_the_timeout_of_a_task_leaves_out_the_time_its_branches_are_parked(app: App) -> None:
    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        async def body(task: Any, io: IO) -> str:
            await asyncio.gather(io.wait("w", 0.6), io.wait("w2", 0.65))
            return f"attempt {task.attempt}"

        return await io.run_task("outer", body, timeout=0.5)

    assert await app.result(bounded) == "attempt 1"


async def test_the_timeout_of_a_task_runs_while_its_body_does_something_else(app: App) -> None:
    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        async def body(task: Any, io: IO) -> str:
            await io.wait("w", 0.02)
            await asyncio.Event().wait()
            return "never"

        try:
            await io.run_task("outer", body, timeout=0.03)
        except TaskTimeoutError as error:
            return f"{error.code} {isinstance(error, TimeoutError)}"
        return "no error"

    assert await app.result(bounded) == "task_timeout True"


async def test_a_job_that_ends_by_a_timer_while_it_is_parked_has_not_ended(app: App) -> None:
    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        branch = asyncio.create_task(io.wait("w", 0.6))
        done, _ = await asyncio.wait({branch}, timeout=0.5)
        return "waited" if done else "timed out"

    async with app.start():
        handle = await app.client.invoke(bounded)
        assert await handle.result(timeout=PATIENCE) == "waited"


async def test_asyncio_wait_with_a_timeout_around_a_longer_wait_has_no_effect(app: App) -> None:
    bodies: list[str] = []

    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        await io.run_task("before", lambda: bodies.append("before"))
        branch = asyncio.create_task(io.wait("w", 0.6))
        done, _ = await asyncio.wait({branch}, timeout=0.5)
        if not done:
            await io.run_task("fallback", lambda: bodies.append("fallback"))
            branch.cancel()
            return "timed out"
        return "waited"

    run = await app.run(bounded)
    assert (run.status, run.output) == ("SUCCESS", "waited")
    assert bodies == ["before"]


async def test_the_timeout_of_a_task_whose_branches_are_parked_stands_still_while_others_work(app: App) -> None:
    """Parked is parked, whether or not the whole run is suspended."""
    release = asyncio.Event()

    @app.job
    async def bounded(payload: Any, io: IO) -> str:
        async def body(task: Any, io: IO) -> str:
            await asyncio.gather(io.wait("w", 0.6), io.wait("w2", 0.65))
            release.set()
            return f"attempt {task.attempt}"

        async def other() -> None:
            await release.wait()

        got, _ = await asyncio.gather(io.run_task("outer", body, timeout=0.5), io.run_task("other", other))
        return got

    assert await app.result(bounded) == "attempt 1"


async def test_a_branch_that_gives_up_a_wait_can_wait_for_it_again(app: App) -> None:
    held = asyncio.Event()

    @app.job
    async def insisting(payload: Any, io: IO) -> str:
        async def impatient() -> str:
            try:
                async with asyncio.timeout(0.01):
                    await io.wait("w", SUSPENDS)
            except TimeoutError:
                held.set()
                await io.wait("w", SUSPENDS)
                return "second time"
            return "first time"

        async def body() -> None:
            await held.wait()

        got, _ = await asyncio.gather(impatient(), io.run_task("long", body))
        return got

    async with app.start():
        handle = await app.client.invoke(insisting)
        run = await app.finish(handle)
        assert await app.executions(handle) <= 2
    assert run.status == "SUCCESS"
    # Executed again, the branch finds the wait over.
    assert run.output == ("first time" if app.force_replay else "second time")
    assert sum(task.key == "w" for task in all_tasks(run)) == 1


async def test_a_branch_that_gives_up_a_task_at_work_can_ask_for_it_again(app: App) -> None:
    starts: list[int] = []
    inner: list[int] = []

    @app.job
    async def insisting(payload: Any, io: IO) -> str:
        async def outer(task: Any, io: IO) -> str:
            starts.append(1)
            await io.run_task("inner", lambda: inner.append(1))
            if len(starts) == 1:
                # Not before the inner task is stored, however long that takes.
                limit.reschedule(asyncio.get_running_loop().time() + 0.03)
                await asyncio.Event().wait()
            return f"start {len(starts)}"

        try:
            async with asyncio.timeout(None) as limit:
                return await io.run_task("outer", outer)
        except TimeoutError:
            return await io.run_task("outer", outer)

    async with app.start():
        handle = await app.client.invoke(insisting)
        run = await app.finish(handle)
        assert await app.executions(handle) == 1
    assert (run.status, run.output) == ("SUCCESS", "start 2")
    assert inner == [1]
    assert [task.key for task in all_tasks(run)] == ["outer", "inner"]
