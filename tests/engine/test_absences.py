"""Apps that nobody answers for, with any number of runs in line: they cost next to nothing, and go on at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from perdure.engine.absences import IN_A_ROW, PAUSE
from perdure.engine.claims import PACE
from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.execution import Abandoned, ExecutionRequest, ExecutionResult, JsonText, Succeeded
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import ManualClock
from tests.engine.world import World, world

RUNS = 300
MINUTES = 10
WHY = "nobody answers"


class Distant(ScriptedApp):
    """An app behind a URL, which may be away."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, endpoint_id="distant")
        self.is_away = True
        self.asked = 0
        self.leaves_open = asyncio.Event()
        self.leaves_open.set()
        self.job("works", self._works)

    async def is_there(self) -> bool:
        self.asked += 1
        return not self.is_away

    async def execute(self, request: ExecutionRequest) -> ExecutionResult:
        if self.is_away:
            self.executions.append(Execution(self, request))
            return Abandoned(WHY, no_code=True, is_absent=True)
        return await super().execute(request)

    async def _works(self, _: Execution) -> ExecutionResult:
        await self.leaves_open.wait()
        return Succeeded(None)


async def send_many(it: World, name: str = "works", count: int = RUNS) -> None:
    requests = [EventRequest(name, JsonText("{}"), None) for _ in range(count)]
    await it.platform.send_events(requests, EventOptions())


async def settle(it: World) -> None:
    """Wait until no run is due, and none is executed."""
    async with asyncio.timeout(60):
        while True:
            if not await it.query("list_in_way", it.clock.now_ms()) and not len(it.node.holds):
                return
            await asyncio.sleep(0)


async def pass_time(it: World) -> None:
    for _ in range(MINUTES * 60):
        it.clock.advance(1)
        await settle(it)


async def test_the_runs_of_an_app_that_is_away_are_not_executed_in_vain_again_and_again(
    storage: Storage, clock: ManualClock
) -> None:
    app = Distant(clock)
    async with world(storage, app) as it:
        await send_many(it)
        await settle(it)
        executed, app.asked = len(app.executions), 0

        await pass_time(it)

        # One finds out now and then whether the app is back.
        assert MINUTES <= app.asked <= MINUTES * 60 / PAUSE.total_seconds() + 1
        assert len(app.executions) == executed
        run = await it.platform.get_run((await it.run_ids())[-1])
        assert run.why is not None
        assert run.why.startswith(WHY)

        app.is_away = False
        it.clock.advance(120)
        await it.until(lambda runs: set(runs.values()) == {"SUCCESS"})


async def test_the_runs_of_an_app_that_is_back_do_not_wait_for_the_first_of_them_to_end(
    storage: Storage, clock: ManualClock
) -> None:
    app = Distant(clock)
    async with world(storage, app) as it:
        await send_many(it)
        await settle(it)
        app.is_away = False
        app.leaves_open.clear()
        it.clock.advance(PAUSE.total_seconds() + 60)
        await it.until(lambda runs: set(runs.values()) == {"EXECUTING"})
        app.leaves_open.set()
        await it.until(lambda runs: set(runs.values()) == {"SUCCESS"})


async def test_an_app_of_which_one_process_of_several_is_gone_is_not_away(storage: Storage, clock: ManualClock) -> None:
    class Half(Distant):
        async def execute(self, request: ExecutionRequest) -> ExecutionResult:
            self.is_away = len(self.executions) % 2 == 0
            return await super().execute(request)

    app = Half(clock)
    async with world(storage, app) as it:
        await send_many(it, count=4 * IN_A_ROW)
        async with asyncio.timeout(60):
            while any(status == RunStatus.WAITING_TO_EXECUTE for _, status in await it.query("list_runs")):
                it.clock.advance(1)
                await settle(it)
        assert app.asked == 0


async def test_runs_that_come_while_their_app_is_away_stand_in_line(storage: Storage, clock: ManualClock) -> None:
    app = Distant(clock)
    async with world(storage, app) as it:
        await send_many(it)
        await settle(it)
        before = len(app.executions)
        await send_many(it)
        await settle(it)
        assert len(app.executions) == before


async def test_of_runs_without_code_only_so_many_are_looked_at_in_a_second(
    storage: Storage, app: ScriptedApp, clock: ManualClock
) -> None:
    async def ends(_: Execution) -> ExecutionResult:
        return Succeeded(None)

    async with world(storage, app.job("gone", ends)):
        pass
    most = timedelta(seconds=1) // PACE
    async with world(storage, ScriptedApp(clock, endpoint_id="other"), seed=1) as it:
        await send_many(it, "gone", 5 * most)
        await settle(it)
        due = Counter(int(str(at)) // 1000 for (at,) in await it.query("list_line"))
        assert sum(due.values()) == 5 * most
        assert max(due.values()) <= 2 * most

        await it.node.add(app)
        await it.until(lambda runs: set(runs.values()) == {"SUCCESS"})
