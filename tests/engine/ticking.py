"""Jobs that note the ticks that started them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from perdure.protocol.endpoint import DynamicScheduleSpec, ScheduleTriggerSpec
from perdure.protocol.execution import AccountInfo, ExecutionResult, SourceInfo, Succeeded
from perdure.protocol.messages.schedules import ScheduledPayload
from perdure.protocol.schedules import CatchUp, CronTiming, IntervalTiming, RegisterSchedule, Timing
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import START
from tests.engine.world import World

DAY = 24 * 3600.0


class Ticked(msgspec.Struct, frozen=True):
    """What a run knows of the tick that started it; instants as text such as ``01T09:30``, of January 2030."""

    job: str
    ts: str
    last: str | None
    source: SourceInfo | None
    account: AccountInfo | None


class Ticks:
    """The ticks that have started runs, in the order in which those were executed."""

    def __init__(self, app: ScriptedApp) -> None:
        self.app = app
        self.all: list[Ticked] = []

    async def note(self, execution: Execution) -> ExecutionResult:
        request = execution.request
        payload = msgspec.json.decode(request.event.payload, type=ScheduledPayload, dec_hook=_decode)
        last = None if payload.last_timestamp is msgspec.UNSET else payload.last_timestamp
        self.all.append(
            Ticked(
                request.job.id,
                short(payload.ts),
                None if last is None else short(last),
                request.source,
                request.account,
            )
        )
        return Succeeded(None)

    def job(self, job_id: str, timing: Timing, catch_up: CatchUp = "latest", **options: str | bool) -> ScriptedApp:
        """Declare a job with a schedule of its own."""
        return self.app.job(job_id, self.note, ScheduleTriggerSpec(timing, catch_up), **options)  # type: ignore[arg-type]

    def dynamic(self, dynamic_id: str, *job_ids: str) -> ScriptedApp:
        """Declare a dynamic schedule, and jobs that it starts."""
        self.app.dynamic_schedules.append(dynamic_id)
        for job_id in job_ids:
            self.app.job(job_id, self.note, DynamicScheduleSpec(dynamic_id))
        return self.app

    def times(self, job_id: str | None = None) -> list[str]:
        """The times of the ticks so far, in order."""
        return sorted(one.ts for one in self.all if job_id is None or one.job == job_id)


def _decode(kind: type, value: object) -> object:
    return kind.parse(value)  # type: ignore[attr-defined]


def short(at: datetime) -> str:
    assert at.utcoffset() == timedelta()
    return at.strftime("%dT%H:%M" if at.second == 0 else "%dT%H:%M:%S")


def every(seconds: int) -> IntervalTiming:
    return IntervalTiming(seconds)


def cron(text: str, timezone: str = "UTC") -> CronTiming:
    return CronTiming(text, timezone)


async def settle(world: World) -> None:
    """Wait until nothing is due and every run has ended."""
    async with asyncio.timeout(30):
        while True:
            if not await world.query("find_unsettled", world.clock.now_ms()):
                return
            await asyncio.sleep(0)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - there is no event for everything.
            await asyncio.sleep(0)


async def pass_time(world: World, seconds: float) -> None:
    """Let time pass, from one due timer to the next, as it does for a node that is awake."""
    until = world.clock.now() + timedelta(seconds=seconds)
    while True:
        await settle(world)
        timers = [int(str(due)) for _, due in await world.query("list_schedule_timers")]
        step = min([(due - world.clock.now_ms()) / 1000 for due in timers], default=seconds)
        left = (until - world.clock.now()).total_seconds()
        if step > left:
            world.clock.advance(left)
            return await settle(world)
        world.clock.advance(step)


async def register(
    world: World,
    dynamic_id: str,
    key: str,
    timing: Timing,
    *,
    account_id: str | None = None,
    metadata: str | None = None,
) -> None:
    call = RegisterSchedule(dynamic_id, key, timing, account_id, metadata)  # type: ignore[arg-type]
    await world.platform.register_schedule(call)


async def timers(world: World) -> dict[str, str]:
    """When which schedule is due."""
    return {
        str(key): short(datetime.fromtimestamp(int(str(due)) / 1000, UTC))
        for key, due in await world.query("list_schedule_timers")
    }


assert short(START) == "01T00:00"
