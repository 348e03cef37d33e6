"""What a node is measured by: counts of all time, without reading all time again."""

from __future__ import annotations

from perdure.protocol.execution import ExecutionResult, Succeeded
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Session, Storage
from perdure.storage.measures import hour_of
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import ManualClock
from tests.engine.world import World, world

HOUR = 3600.0
EXECUTED = 30


def ends(app: ScriptedApp) -> ScriptedApp:
    clock = app.clock
    assert isinstance(clock, ManualClock)

    async def works(_: Execution) -> ExecutionResult:
        clock.advance(EXECUTED)
        return Succeeded(None)

    return app.job("works", works)


async def run_once(it: World) -> None:
    sent = await it.send("works")
    (run,) = (await it.platform.get_event(sent.id)).runs
    assert (await it.ended(run.id)).status is RunStatus.SUCCESS


async def ended(it: World) -> list[tuple[RunStatus, int, float]]:
    return [(one.status, one.runs, one.seconds) for one in (await it.node.measure()).ended]


async def test_what_has_ended_is_counted_whenever_it_ended(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, ends(app)) as it:
        assert await ended(it) == []
        for runs in range(1, 6):
            await run_once(it)
            # The same, however often it is asked.
            for _ in range(2):
                assert await ended(it) == [(RunStatus.SUCCESS, runs, runs * EXECUTED)]
            it.clock.advance(HOUR)
        it.clock.advance(1000 * HOUR)
        assert await ended(it) == [(RunStatus.SUCCESS, 5, 5 * EXECUTED)]
    # A new process counts from the beginning.
    async with world(storage, app, seed=1) as it:
        assert await ended(it) == [(RunStatus.SUCCESS, 5, 5 * EXECUTED)]
        await run_once(it)
        assert await ended(it) == [(RunStatus.SUCCESS, 6, 6 * EXECUTED)]


async def test_an_hour_that_is_over_is_read_once_for_all_measurements(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, ends(app)) as it:
        await run_once(it)
        it.clock.advance(3 * HOUR)
        await run_once(it)
        assert await ended(it) == [(RunStatus.SUCCESS, 2, 2 * EXECUTED)]

        await storage.write(_forget, hour_of(it.clock.now()) - 1)

        assert await ended(it) == [(RunStatus.SUCCESS, 2, 2 * EXECUTED)]


async def _forget(tx: Session, hour: int) -> None:
    assert await tx.run("forget_rollups", hour) == 1
