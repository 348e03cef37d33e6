"""Two environments in one database see nothing of each other."""

from __future__ import annotations

import pytest

from perdure.config.settings import Settings
from perdure.errors import InvalidArgumentError, NotFoundError
from perdure.protocol.endpoint import ScheduleTriggerSpec
from perdure.protocol.execution import Abandoned, ExecutionResult, JsonText, Succeeded, Suspended
from perdure.protocol.schedules import IntervalTiming
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import EventWait, InvokeRequest
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import START
from tests.engine.ticking import until
from tests.engine.world import world


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(None)


async def test_one_environment_neither_sees_nor_changes_the_other(storage: Storage, app: ScriptedApp) -> None:
    other = ScriptedApp(app.clock)
    async with (
        world(storage, app.job("a", ends), shares_database=True) as dev,
        world(
            storage, other.job("b", ends), seed=1, shares_database=True, settings=Settings(environment="prod")
        ) as prod,
    ):
        first = await dev.send("a", event_id="same")
        second = await prod.send("a", '{"n":1}', event_id="same")
        run_id = await dev.only_run()
        await dev.ended(run_id)

        assert (first.payload, second.payload) == ("{}", '{"n":1}')
        assert app.executions[0].request.tenant.environment.slug == "dev"
        for call in (
            prod.platform.get_run(run_id),
            prod.platform.cancel_run(run_id),
            prod.platform.wait_for_run(run_id),
            prod.platform.wait_for_end(run_id),
            prod.platform.invoke_job(InvokeRequest("a")),
            prod.platform.record_task(run_id, 1, app.executions[0].record("x")),
        ):
            with pytest.raises(NotFoundError):
                await call
        assert (await dev.platform.get_run(run_id)).status is RunStatus.SUCCESS


async def test_nobody_is_told_how_a_run_of_another_environment_ends_that_is_at_work_here(
    storage: Storage, app: ScriptedApp
) -> None:
    async def works(execution: Execution) -> ExecutionResult:
        await app.happened("go on")
        return Succeeded(JsonText('"secret"'))

    async with world(storage, app.job("works", works), serves_all=True) as it:
        await it.send("works")
        await app.happened("execute works 1")
        run_id, runs = await it.only_run(), it.platform._runs
        for wait in (runs.wait, runs.wait_for_end):
            with pytest.raises(NotFoundError):
                await wait(it.node.own.number + 1, run_id, timeout=20)
        app.signal("go on")
        assert (await runs.wait_for_end(it.node.own.number, run_id)).output == '"secret"'


async def test_a_run_of_another_environment_is_left_to_its_own_node(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("a", ends)):
        pass
    async with world(
        storage, ScriptedApp(app.clock, endpoint_id="x").job("a", ends), seed=1, settings=Settings(environment="prod")
    ) as prod:
        await prod.send("a")
        assert (await prod.ended(await prod.only_run())).status is RunStatus.SUCCESS


@pytest.mark.parametrize("shares_database", [True, False])
async def test_a_delayed_event_of_an_environment_that_a_node_does_not_serve_is_delivered_and_keeps_no_other(
    storage: Storage, app: ScriptedApp, *, shares_database: bool
) -> None:
    other = ScriptedApp(app.clock, endpoint_id="other").job("theirs", ends)
    async with world(storage, other, settings=Settings(environment="prod")) as prod:
        await prod.send("theirs", deliver_after=10)
    async with world(storage, app.job("ours", ends), seed=1, shares_database=shares_database) as dev:
        await dev.send("ours", deliver_after=10)
        dev.clock.advance(10)
        await app.happened("execute ours 1")
    async with world(storage, other, seed=2, settings=Settings(environment="prod")):
        await other.happened("execute theirs 1")


@pytest.mark.parametrize("slug", ["dev", "stg", "prod", "prev"])
async def test_all_environments_retry_time_out_and_tick_alike(storage: Storage, app: ScriptedApp, slug: str) -> None:
    log: list[tuple[str, float]] = []
    clock = app.clock

    def note(what: str) -> None:
        log.append((what, (clock.now() - START).total_seconds()))

    async def fails(execution: Execution) -> ExecutionResult:
        note(f"try {execution.epoch}")
        return Succeeded(None) if execution.epoch == 4 else Abandoned("no")

    async def waits(execution: Execution) -> ExecutionResult:
        task_id = await execution.wait_outside("signal", EventWait("signal", "trigger.dev", None, None, None, 20))
        if task_id is not None:
            return Suspended((task_id,))
        note("timed out")
        return Succeeded(None)

    async def ticks(execution: Execution) -> ExecutionResult:
        note("tick")
        return Succeeded(None)

    app.job("fails", fails).job("waits", waits).job("ticks", ticks, ScheduleTriggerSpec(IntervalTiming(25)))
    async with world(storage, app, settings=Settings(environment=slug)) as it:
        await it.send("fails")
        failing = await it.only_run()
        for executions, delay in ((1, 0.75), (2, 1.125), (3, 1.688)):
            await it.reach(failing, RunStatus.WAITING_TO_EXECUTE, executions=executions)
            it.clock.advance(delay)
        await it.ended(failing)
        await it.send("waits")
        waiting = (await it.run_ids())[1]
        await it.reach(waiting, RunStatus.WAITING_TO_CONTINUE)
        await it.advance(20, waiting, RunStatus.SUCCESS)
        it.clock.advance(2)
        await until(lambda: log[-1][0] == "tick")
    assert app.executions[0].request.tenant.environment.slug == slug
    assert log == [
        ("try 1", 0),
        ("try 2", 0.75),
        ("try 3", 1.875),
        ("try 4", 3.563),
        ("timed out", 23.563),
        ("tick", 25.563),
    ]


async def test_an_environment_that_does_not_exist_is_refused(storage: Storage, app: ScriptedApp) -> None:
    with pytest.raises(InvalidArgumentError, match="'qa'; PERDURE_ENVIRONMENT is one of dev, stg, prod, prev"):
        async with world(storage, app, settings=Settings(environment="qa")):
            pass
