"""Runs whose code is gone: they wait, say so, and go on when it is back."""

from __future__ import annotations

from typing import Any

import pytest

from perdure import IO, event_trigger
from perdure.errors import DuplicateJobError, InvalidArgumentError, NotFoundError
from tests.scenarios.app import PATIENCE, SUSPENDS, App, Gate, all_tasks


def declare(app: App, gate: Gate, log: list[str], *, version: str = "1.0.0") -> Any:
    @app.job(id="report", version=version, trigger=event_trigger("report.asked"))
    async def report(payload: Any, io: IO, ctx: Any) -> list[str]:
        log.append(version)
        await io.run_task("before", lambda: log.append("before"))
        await io.run_task("gate", gate)
        await io.run_task("after", lambda: log.append("after"))
        return [ctx.job.version, version]

    return report


async def test_a_run_waits_for_its_code_and_goes_on_when_it_is_back(durable_app: App) -> None:
    gate, log = Gate(), list[str]()
    job = declare(durable_app, gate, log)
    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(job)
        await gate.wait()
    gate.is_open = True

    without = durable_app.successor()
    async with without.start():
        run = await without.says(handle.id, "no code for job report")
        assert not run.status.is_final
        with pytest.raises(TimeoutError):
            await without.wait(handle.id, timeout=0.05)

    back = durable_app.successor()
    declare(back, gate, log, version="2.0.0")
    async with back.start():
        # At once, not when its back-off is over.
        run = await back.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", ["1.0.0", "2.0.0"])
    assert log == ["1.0.0", "before", "2.0.0", "after"]
    assert run.version == "1.0.0"
    assert run.why is None


async def test_a_run_that_waits_for_a_time_waits_for_its_code_when_that_is_over(durable_app: App) -> None:
    @durable_app.job(id="sleeper")
    async def sleeper(payload: Any, io: IO) -> str:
        await io.wait("w", SUSPENDS)
        return "awake"

    async with durable_app.start():
        handle = await durable_app.client.invoke(sleeper)
    without = durable_app.successor()
    async with without.start():
        await without.says(handle.id, "no code for job sleeper")
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", "awake")


async def test_events_for_a_job_whose_code_is_gone_start_runs_that_wait(durable_app: App) -> None:
    """Its trigger is no longer declared, so nothing may be started; what was started before waits."""
    gate, log = Gate(), list[str]()
    job = declare(durable_app, gate, log)
    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(job)
        await gate.wait()
    gate.is_open = True
    without = durable_app.successor()
    async with without.start():
        later = await without.client.invoke("report")
        await without.says(later.id, "no code for job report")
    async with durable_app.start():
        for run_id in (handle.id, later.id):
            assert (await durable_app.finish(run_id)).status == "SUCCESS"


async def test_a_run_without_code_can_be_cancelled(durable_app: App) -> None:
    gate, log = Gate(), list[str]()
    job = declare(durable_app, gate, log)
    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(job)
        await gate.wait()
    without = durable_app.successor()
    async with without.start():
        run = await without.client.cancel_run(handle.id)
        assert run.status == "CANCELED"
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.look_up(handle.id)
    assert run.status == "CANCELED"
    assert log == ["1.0.0", "before"]
    assert {task.key: task.status for task in all_tasks(run)}["before"] == "COMPLETED"


async def test_changed_code_executes_what_the_old_code_began(durable_app: App) -> None:
    """Tasks that are stored stay; what is new is run; what is gone is left alone."""
    gate, log = Gate(), list[str]()

    @durable_app.job(id="changing")
    async def before(payload: Any, io: IO) -> str:
        await io.run_task("kept", lambda: log.append("kept") or "first")
        await io.run_task("dropped", lambda: log.append("dropped"))
        await io.run_task("gate", gate)
        return "old"

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(before)
        await gate.wait()
    gate.is_open = True
    changed = durable_app.successor()

    @changed.job(id="changing", version="1.1.0")
    async def after(payload: Any, io: IO) -> list[Any]:
        new = await io.run_task("new", lambda: log.append("new") or "new")
        kept = await io.run_task("kept", lambda: log.append("never"), name=before_name)
        return [kept, new]

    before_name = "test_changed_code_executes_what_the_old_code_began.<locals>.before.<locals>.<lambda>"
    async with changed.start():
        run = await changed.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", ["first", "new"])
    assert log == ["kept", "dropped", "new"]


async def test_an_unknown_id_is_not_found_although_other_jobs_wait_for_code(durable_app: App) -> None:
    declare(durable_app, Gate(), [])
    async with durable_app.start():
        with pytest.raises(NotFoundError, match="'report'"):
            await durable_app.client.invoke("reprot")
    without = durable_app.successor()
    async with without.start():
        with pytest.raises(NotFoundError, match="'report'"):
            await without.client.invoke("reprot")


def test_a_client_refuses_two_jobs_of_one_id() -> None:
    app = App("sqlite://", force_replay=False)
    declare(app, Gate(), [])
    with pytest.raises(DuplicateJobError, match="report"):
        declare(app, Gate(), [])


async def test_a_job_cannot_be_added_to_a_client_that_is_started(app: App) -> None:
    """Its node would not know the job; whoever declares it is told, not whoever invokes it."""

    @app.job
    async def first(payload: Any) -> str:
        return "first"

    async with app.start():
        with pytest.raises(InvalidArgumentError, match="before"):

            @app.job
            async def late(payload: Any) -> None: ...

        assert await (await app.client.invoke(first)).result(timeout=PATIENCE) == "first"
    assert list(app.client.jobs) == ["first"]
