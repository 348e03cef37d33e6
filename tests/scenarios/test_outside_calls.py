"""Calls for outside runs, made inside them: plain in a task's body, refused where a replay would repeat them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from perdure import IO, current
from perdure.errors import NotInRunError, SyncInAsyncError, UseIoError
from tests.scenarios.app import PATIENCE, App, all_tasks


@pytest.mark.parametrize(
    ("call", "form"),
    [
        (lambda app: app.client.send_event(name="e"), "io.send_event"),
        (lambda app: app.client.send_events([{"name": "e"}]), "io.send_events"),
        (lambda app: app.client.invoke("child"), "io.invoke"),
        (lambda app: app.client.jobs["child"].invoke(), "io.invoke"),
        (lambda app: app.client.get_event("e"), "io.get_event"),
        (lambda app: app.client.cancel_event("e"), "io.cancel_event"),
        (lambda app: app.client.get_runs("a"), "io.run_task"),
        (lambda app: app.client.cancel_runs_for_event("e"), "io.run_task"),
        (lambda app: app.client.cancel_runs_for_job("a"), "io.run_task"),
        (lambda app: app.client.rerun("run_x"), "io.run_task"),
        (lambda app: app.client.continue_run("run_x"), "io.run_task"),
        (lambda app: app.client.get_run("run_x"), "io.run_task"),
        (lambda app: app.client.cancel_run("run_x"), "io.run_task"),
        (lambda app: app.client.get_run_statuses("run_x"), "io.run_task"),
        (lambda app: app.client.update_status("run_x", "s", label="a"), "io.create_status"),
        (lambda app: app.client.store.env.get("n"), "io.store.env.get"),
    ],
    ids=[
        "send_event",
        "send_events",
        "invoke",
        "job.invoke",
        "get_event",
        "cancel_event",
        "get_runs",
        "cancel_runs_for_event",
        "cancel_runs_for_job",
        "rerun",
        "continue_run",
        "get_run",
        "cancel_run",
        "get_run_statuses",
        "update_status",
        "store.env.get",
    ],
)
async def test_in_a_job_a_client_call_is_refused_and_its_io_form_is_named(
    app: App, call: Callable[[App], Any], form: str
) -> None:
    runs: list[int] = []

    @app.job
    async def child(payload: Any) -> None:
        runs.append(1)

    @app.job
    async def calling(payload: Any, io: IO) -> list[str]:
        told: list[str] = []
        for branch in (False, True):
            try:
                await (asyncio.create_task(call(app)) if branch else call(app))
            except UseIoError as error:
                told.append(error.message)
        await io.wait("w", 0.1)
        return told

    async with app.start():
        handle = await app.client.invoke(calling)
        told = await handle.result(timeout=PATIENCE)
    assert len(told) == 2
    assert all(form in one for one in told)
    assert runs == []


async def test_in_a_task_body_the_calls_are_plain(app: App) -> None:
    @app.job
    async def child(payload: Any) -> str:
        return f"child {payload['n']}"

    @app.job
    async def calling(payload: Any, io: IO) -> list[Any]:
        async def body() -> list[Any]:
            handle = await app.client.invoke(child, {"n": 1})
            result = await handle.result(timeout=PATIENCE)
            event = await app.client.send_event(name="e", payload=5)
            run = await app.client.get_run(handle.id)
            branch = await asyncio.create_task(app.client.invoke("child", {"n": 2}))
            return [result, event.payload, run.status, await branch.result(timeout=PATIENCE), await handle.status()]

        def plain() -> list[Any]:
            handle = app.client.sync.invoke(child, {"n": 3})
            result = handle.result(timeout=PATIENCE)
            return [result, app.client.sync.get_run(handle.id).status, app.client.sync.send_event(name="e").payload]

        got = [await io.run_task("async", body), await io.run_task("plain", plain)]
        await io.wait("w", 0.005)
        return got

    run = await app.run(calling)
    assert run.status == "SUCCESS"
    assert run.output == [["child 1", 5, "SUCCESS", "child 2", "SUCCESS"], ["child 3", "SUCCESS", {}]]
    assert len(all_tasks(run)) == 3


async def test_a_blocking_call_on_a_thread_that_runs_a_loop_is_refused(app: App) -> None:
    @app.job
    async def child(payload: Any) -> None: ...

    async with app.start():
        for call in (
            lambda: app.client.sync.invoke(child),
            lambda: app.client.sync.send_event(name="e"),
            lambda: app.client.sync.get_run("run_x"),
            lambda: app.client.sync.cancel_run("run_x"),
        ):
            with pytest.raises(SyncInAsyncError):
                call()
        handle = await asyncio.to_thread(app.client.sync.invoke, child)
        with pytest.raises(SyncInAsyncError):
            handle.result()
        await asyncio.to_thread(handle.result)


async def test_there_is_no_current_run_outside_one(app: App) -> None:
    @app.job
    async def child(payload: Any) -> str:
        return current().ctx.run.id

    with pytest.raises(NotInRunError):
        current()
    async with app.start():
        with pytest.raises(NotInRunError):
            current()
        with pytest.raises(NotInRunError):
            await asyncio.to_thread(current)
        handle = await app.client.invoke(child)
        assert await handle.result(timeout=PATIENCE) == handle.id
        with pytest.raises(NotInRunError):
            current()


async def test_a_run_started_from_a_task_body_is_a_run_of_its_own(app: App) -> None:
    """Nothing of the run that started it, neither its scope nor its branches, is the new run's."""
    release = asyncio.Event()

    @app.job
    async def child(payload: Any, io: IO, ctx: Any) -> list[bool]:
        async def body() -> bool:
            await release.wait()
            return current().ctx.run.id == ctx.run.id

        return [current().ctx.run.id == ctx.run.id, await io.run_task("k", body)]

    @app.job
    async def parent(payload: Any, io: IO) -> str:
        async def body() -> str:
            return (await app.client.invoke(child)).id

        return await io.run_task("start", body)

    async with app.start():
        run = await app.finish(await app.client.invoke(parent))
        assert run.status == "SUCCESS"
        release.set()
        run = await app.finish(run.output)
    assert (run.status, run.output) == ("SUCCESS", [True, True])


async def test_in_a_job_a_blocking_client_call_in_a_thread_is_refused_too(app: App) -> None:
    runs: list[int] = []

    @app.job
    async def child(payload: Any) -> None:
        runs.append(1)

    @app.job
    async def calling(payload: Any, io: IO) -> list[str]:
        told: list[str] = []
        for call in (lambda: app.client.sync.invoke("child"), lambda: app.client.sync.send_event(name="e")):
            try:
                await asyncio.to_thread(call)
            except UseIoError as error:
                told.append(error.code)
        await io.wait("w", 0.002)
        return told

    async with app.start():
        handle = await app.client.invoke(calling)
        assert await handle.result(timeout=PATIENCE) == ["use_io", "use_io"]
    assert runs == []


async def test_in_a_job_the_calls_of_a_handle_are_refused(app: App) -> None:
    """What a run's state is may differ from one execution to the next."""

    @app.job
    async def child(payload: Any) -> str:
        return "child"

    @app.job
    async def calling(payload: Any, io: IO) -> list[str]:
        handle = await io.invoke("k", child)
        told: list[str] = []
        for call in (handle.result, handle.status, handle.cancel):
            try:
                await call()
            except UseIoError as error:
                told.append("io.run_task" if "io.run_task" in error.message else error.message)
        return told

    assert await app.result(calling) == ["io.run_task"] * 3
