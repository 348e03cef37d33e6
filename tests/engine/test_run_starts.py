"""When a run has started: when its first execution has begun, which one for want of a connection has not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.protocol.execution import ExecutionResult, Succeeded, Yielded
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import START
from tests.engine.test_connections import WAITING, connect, hosting, sent, waits
from tests.engine.world import kill, start, world


async def test_a_run_that_waits_for_a_connection_has_started_when_it_is_there(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        waiting = await waits(it)
        assert (waiting.started_at, waiting.created_at) == (None, START)
        it.clock.advance(3600)
        await connect(it, "token")
        assert (await it.ended(waiting.id)).started_at == START + timedelta(hours=1)
        assert [one.request.run.started_at for one in app.executions] == [START + timedelta(hours=1)]


async def test_a_run_that_looks_again_for_its_connection_in_vain_has_not_started(
    storage: Storage, app: ScriptedApp
) -> None:
    first = await start(storage, hosting(app, chat="slack"), seed=1)
    waiting = await waits(first)
    await kill(first)
    first.clock.advance(60)
    async with world(storage, app, seed=2) as it:
        again = await it.see(waiting.id, lambda run: run.status is WAITING and run.executions == 2)
        assert again.started_at is None
        assert (await it.platform.cancel_run(waiting.id)).started_at is None


@pytest.mark.parametrize("pause", [0, 60])
async def test_a_run_that_was_executed_before_it_waits_for_a_connection_started_then(
    storage: Storage, app: ScriptedApp, pause: float
) -> None:
    async with world(storage, app) as it:

        async def loses_its_connection(execution: Execution) -> ExecutionResult:
            if execution.epoch > 1:
                return Succeeded(None)
            await it.platform.delete_connection(connection)
            it.clock.advance(pause)
            return Yielded("again")

        await it.node.add(app.job("posts", loses_its_connection, hosted={"chat": "slack"}))
        connection = await connect(it, "first")
        run_id = await sent(it)
        assert (await it.reach(run_id, WAITING)).started_at == START
        it.clock.advance(60)
        await connect(it, "second")
        run = await it.ended(run_id)
        assert (run.status, run.started_at) == (RunStatus.SUCCESS, START)
