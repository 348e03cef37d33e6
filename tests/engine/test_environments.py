"""Two environments in one database see nothing of each other."""

from __future__ import annotations

import pytest

from perdure.config.settings import Settings
from perdure.errors import InvalidArgumentError, NotFoundError
from perdure.protocol.execution import ExecutionResult, Succeeded
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
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
            prod.platform.invoke_job(InvokeRequest("a")),
            prod.platform.record_task(run_id, 1, app.executions[0].record("x")),
        ):
            with pytest.raises(NotFoundError):
                await call
        assert (await dev.platform.get_run(run_id)).status is RunStatus.SUCCESS


async def test_a_run_of_another_environment_is_left_to_its_own_node(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("a", ends)):
        pass
    async with world(
        storage, ScriptedApp(app.clock, endpoint_id="x").job("a", ends), seed=1, settings=Settings(environment="prod")
    ) as prod:
        await prod.send("a")
        assert (await prod.ended(await prod.only_run())).status is RunStatus.SUCCESS


async def test_an_environment_that_does_not_exist_is_refused(storage: Storage, app: ScriptedApp) -> None:
    with pytest.raises(InvalidArgumentError, match="'qa'; PERDURE_ENVIRONMENT is one of dev, stg, prod, prev"):
        async with world(storage, app, settings=Settings(environment="qa")):
            pass
