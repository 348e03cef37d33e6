"""A run whose app was refused for asking too often goes on when the app says, and after 30 days at the latest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from perdure.protocol.execution import AutoYielded, ExecutionResult, Succeeded
from perdure.protocol.retry_strategies import LONGEST_RESET
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import START
from tests.engine.world import world


@pytest.mark.parametrize(
    ("says", "pause"),
    [
        (START + timedelta(minutes=1), timedelta(minutes=1)),
        (START + LONGEST_RESET, LONGEST_RESET),
        (datetime(9999, 1, 1, tzinfo=UTC), LONGEST_RESET),
    ],
)
async def test_a_run_waits_for_the_end_of_a_rate_limit_but_not_for_ever(
    storage: Storage, app: ScriptedApp, says: datetime, pause: timedelta
) -> None:
    async def is_refused(execution: Execution) -> ExecutionResult:
        return AutoYielded("asked too often", says) if execution.epoch == 1 else Succeeded(None)

    async with world(storage, app.job("asks", is_refused)) as it:
        await it.send("asks")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_EXECUTE, executions=1)
        it.clock.advance(pause.total_seconds() - 0.001)
        assert (await it.platform.get_run(run_id)).status is RunStatus.WAITING_TO_EXECUTE
        it.clock.advance(0.001)
        assert (await it.ended(run_id)).status is RunStatus.SUCCESS
