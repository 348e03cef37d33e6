"""What has ended long ago is deleted, whole and in small steps; what goes on, never."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from perdure.config.settings import Settings
from perdure.engine.retention import MOST_ROWS, Retention
from perdure.errors import NotFoundError
from perdure.protocol.endpoint import EventTriggerSpec, ScheduleTriggerSpec
from perdure.protocol.execution import ErrorInfo, ExecutionResult, Failed, JsonText, Succeeded, Suspended
from perdure.protocol.state import PutStatus, SetValue
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.storage.interface import Session, Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import START, ManualClock
from tests.engine.storages import FailingStorage
from tests.engine.ticking import Ticks, every, pass_time
from tests.engine.world import World, check_invariants, kill, start, world

DAY = timedelta(days=1)
MS = int(START.timestamp() * 1000)
KEEP = Settings(retention=DAY)


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(None)


async def leaves_much(execution: Execution) -> ExecutionResult:
    """Leaves a row of every kind."""
    nap = await execution.sleep("nap", 1)
    if nap is not None:
        return Suspended((nap,))
    flaky = execution.state("flaky")
    if flaky is None:
        at, failed = execution.app.clock.now() + timedelta(seconds=1), ErrorInfo("Flaky", "again")
        record = execution.record("flaky", TaskStatus.WAITING, attempts=2, delay_until=at, attempt_error=failed)
        await execution.store(record)
        return Suspended((execution.task_id("flaky"),))
    await execution.store(execution.record("flaky", attempts=2))
    await execution.run("outer")
    await execution.store(execution.record("inner", parent="outer"))
    await execution.store(execution.record("line", operation="log", noop=True))
    platform = execution.app.platform
    for number in range(3):
        call = SetValue(f"run:{execution.run_id}:{number}", JsonText("1"))
        await platform.perform_task(execution.run_id, execution.epoch, execution.record(f"set {number}"), call)
    await platform.put_status(execution.run_id, PutStatus("status", "shown"))
    return Succeeded(JsonText('"much"'))


async def let_pass(it: World, holds: Callable[[], Awaitable[bool]]) -> None:
    """Let time pass until something holds: an hour, and then so little that a pass is made step by step."""
    async with asyncio.timeout(30):
        for number in itertools.count():
            if await holds():
                return
            await _let_step(it, 3600 if number % 100 == 0 else 0.02)


async def pass_through(it: World) -> None:
    """Let more than one pass be made."""
    for number in range(120):
        await _let_step(it, 3600 if number % 40 == 0 else 0.02)


async def _let_step(it: World, seconds: float) -> None:
    it.clock.advance(seconds)
    for _ in range(3):
        # What was given to the database before is done then.
        await it.storage.write(_do_nothing)
        for _ in range(5):
            await asyncio.sleep(0)


async def _do_nothing(tx: Session) -> None:
    pass


async def finish(it: World, run_id: str) -> None:
    for _ in range(2):
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(1)
        await it.see(run_id, lambda run: run.status is not RunStatus.WAITING_TO_CONTINUE)
    await it.ended(run_id)


async def test_a_run_that_ended_long_ago_goes_with_all_that_hangs_on_it(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("much", leaves_much), settings=KEEP) as it:
        request = InvokeRequest("much", callback_url="http://localhost:9/told")
        run_id = await it.platform.invoke_job(request)
        await finish(it, run_id)
        rows = (await it.query("count_everything"))[0]
        assert all(count > 0 for count in rows[:6]), rows
        assert rows[6:] == (1, 1, 3)
        event_id = (await it.platform.get_run(run_id)).event_id
        # The last moment at which it is kept.
        it.clock.advance(DAY.total_seconds() - 3)
        assert (await it.platform.get_run(run_id)).status is RunStatus.SUCCESS

        await let_pass(it, lambda: _is_empty(it))
        with pytest.raises(NotFoundError):
            await it.platform.get_run(run_id)
        with pytest.raises(NotFoundError):
            await it.platform.get_event(event_id)
        assert (await it.platform.get_runs("much")).runs == ()


async def _is_empty(it: World) -> bool:
    return set((await it.query("count_everything"))[0]) == {0}


async def test_what_goes_on_is_kept_however_old_it_is(storage: Storage, app: ScriptedApp) -> None:
    async def sleeps(execution: Execution) -> ExecutionResult:
        await execution.run("first")
        nap = await execution.sleep("nap", 10 * DAY.total_seconds())
        return Succeeded(JsonText("1")) if nap is None else Suspended((nap,))

    async with world(storage, app.job("sleeps", sleeps).job("ends", ends), settings=KEEP) as it:
        await it.send("sleeps", event_id="sleeps")
        await it.send("ends", event_id="ends")
        await it.send("later", event_id="later", deliver_after=20 * DAY.total_seconds())
        asleep, ended = await it.run_ids()
        await it.reach(asleep, RunStatus.WAITING_TO_CONTINUE)
        await it.ended(ended)
        it.clock.advance(5 * DAY.total_seconds())
        await let_pass(it, lambda: _is_gone(it, ended))
        await pass_through(it)

        run = await it.platform.get_run(asleep)
        assert {task.key: task.status for task in run.tasks} == {
            "first": TaskStatus.COMPLETED,
            "nap": TaskStatus.WAITING,
        }
        assert [row[0] for row in await it.query("list_events")] == ["sleeps", "later"]
        # It is kept a day from its end on, not from its beginning.
        it.clock.advance(5 * DAY.total_seconds())
        assert (await it.ended(asleep)).status is RunStatus.SUCCESS
        await pass_through(it)
        assert (await it.platform.get_run(asleep)).output == "1"
        it.clock.advance(DAY.total_seconds())
        await let_pass(it, lambda: _is_gone(it, asleep))


async def _is_gone(it: World, run_id: str) -> bool:
    return run_id not in await it.run_ids()


async def test_an_event_goes_with_its_last_run_or_when_it_has_none(storage: Storage, app: ScriptedApp) -> None:
    async def sleeps(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 3 * DAY.total_seconds())
        return Succeeded(None) if nap is None else Suspended((nap,))

    app.job("a", ends, EventTriggerSpec(("go",))).job("b", sleeps, EventTriggerSpec(("go",)))
    async with world(storage, app, settings=KEEP) as it:
        await it.send("go", event_id="two runs")
        await it.send("nobody.listens", event_id="none")
        await it.send("go", event_id="cancelled", deliver_after=60)
        await it.platform.cancel_event("cancelled")
        await it.until(lambda runs: sorted(runs.values()) == [RunStatus.SUCCESS, RunStatus.WAITING_TO_CONTINUE])
        it.clock.advance(DAY.total_seconds())
        await let_pass(it, lambda: _are_events(it, {"two runs"}))

        assert [run.job_id for run in (await it.platform.get_event("two runs")).runs] == ["b"]
        # Its id is still known.
        await it.send("go", event_id="two runs")
        assert len(await it.run_ids()) == 1
        it.clock.advance(4 * DAY.total_seconds())
        await let_pass(it, lambda: _are_events(it, set()))


async def _are_events(it: World, ids: set[str]) -> bool:
    return {str(row[0]) for row in await it.query("list_events")} == ids


async def test_an_id_or_a_key_whose_run_is_gone_starts_another(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends), settings=KEEP) as it:
        request = InvokeRequest("go", idempotency_key="k")
        first = await it.platform.invoke_job(request)
        await it.send("go", event_id="e")
        assert await it.platform.invoke_job(request) == first
        await it.until(lambda runs: list(runs.values()) == [RunStatus.SUCCESS] * 2)
        it.clock.advance(DAY.total_seconds())
        await let_pass(it, lambda: _is_empty(it))

        assert await it.platform.invoke_job(request) != first
        await it.send("go", event_id="e")
        await it.until(lambda runs: list(runs.values()) == [RunStatus.SUCCESS] * 2)


class Watching(FailingStorage):
    """Counts what transitions delete, and lets something happen before one of them."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self.deletions: list[int] = []
        self.before_deletion: Callable[[], Awaitable[None]] | None = None
        self.after_deletion: Callable[[], Awaitable[None]] | None = None

    async def write(self, transition: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        if transition.__name__ != "delete_runs":
            return await super().write(transition, *args, **kwargs)
        if self.before_deletion is not None:
            happens, self.before_deletion = self.before_deletion, None
            await happens()
        before = await self._count()
        result = await super().write(transition, *args, **kwargs)
        self.deletions.append(before - await self._count())
        if self.after_deletion is not None:
            happens, self.after_deletion = self.after_deletion, None
            await happens()
        return result

    async def _count(self) -> int:
        rows = await self.scan(_ask, "count_everything")
        return sum(rows[0])


async def _ask(tx: Session, name: str) -> Any:
    return await tx.all(name)


async def test_a_large_run_goes_in_small_steps_and_is_not_found_after_the_first(
    storage: Storage, app: ScriptedApp
) -> None:
    async def works_a_lot(execution: Execution) -> ExecutionResult:
        for number in range(3 * MOST_ROWS + 7):
            await execution.run(f"{number}")
        return Failed(ErrorInfo("Boom", "no"))

    watching = Watching(storage)
    seen: list[int] = []
    async with world(watching, app.job("go", works_a_lot), settings=KEEP) as it:  # type: ignore[arg-type]
        await it.send("go", event_id="e")
        run_id = await it.only_run()
        await it.ended(run_id)

        async def look() -> None:
            seen.append(len(await it.run_ids()))
            for call in (it.platform.get_run, it.platform.continue_run, it.platform.rerun):
                with pytest.raises(NotFoundError):
                    await call(run_id)
            with pytest.raises(NotFoundError):
                await it.platform.get_event("e")
            assert (await it.platform.get_runs("go")).runs == ()
            assert (await it.platform.cancel_runs_for_job("go")).cancelled_run_ids == ()
            # The id is free, and starts another run at once.
            app.job("go", ends)
            await it.send("go", event_id="e")
            assert (await it.platform.get_event("e")).runs != ()

        watching.after_deletion = look
        it.clock.advance(DAY.total_seconds())

        async def is_counted() -> bool:
            return sum(watching.deletions) > 3 * MOST_ROWS + 7

        await let_pass(it, is_counted)
        assert await _is_gone(it, run_id)
        assert seen == [1]
        assert len(watching.deletions) >= 4
        assert max(watching.deletions) <= MOST_ROWS + 5
        (other,) = (await it.platform.get_event("e")).runs
        assert (await it.ended(other.id)).status is RunStatus.SUCCESS


async def test_many_runs_go_in_small_steps_the_oldest_first(storage: Storage, app: ScriptedApp) -> None:
    watching = Watching(storage)
    async with world(watching, app.job("go", ends), settings=KEEP) as it:  # type: ignore[arg-type]
        for _ in range(1100):
            await it.send("go")
        await it.until(lambda runs: set(runs.values()) == {RunStatus.SUCCESS})
        it.clock.advance(DAY.total_seconds() / 2)
        await it.send("go", event_id="young")
        ids = await it.run_ids()
        it.clock.advance(DAY.total_seconds() / 2)
        left: list[list[str]] = []

        async def look() -> None:
            left.append(await it.run_ids())

        watching.after_deletion = look
        await let_pass(it, lambda: _are_events(it, {"young"}))

        assert len(watching.deletions) > 5
        assert max(watching.deletions) <= MOST_ROWS + 5
        assert left[0] == ids[len(ids) - len(left[0]) :]
        assert await it.run_ids() == ids[-1:]


async def test_a_run_that_was_let_go_on_just_then_stays(storage: Storage, app: ScriptedApp) -> None:
    async def fails(execution: Execution) -> ExecutionResult:
        if execution.epoch == 1:
            return Failed(ErrorInfo("Boom", "no"))
        await execution.app.happened("enough")
        return Succeeded(None)

    watching = Watching(storage)
    async with world(watching, app.job("go", fails), settings=KEEP) as it:  # type: ignore[arg-type]
        await it.send("go")
        run_id = await it.only_run()
        await it.ended(run_id)

        async def go_on() -> None:
            await it.platform.continue_run(run_id)

        watching.before_deletion = go_on
        it.clock.advance(DAY.total_seconds())
        await let_pass(it, lambda: _has_deleted(watching))
        await pass_through(it)
        app.signal("enough")
        assert (await it.ended(run_id)).status is RunStatus.SUCCESS


async def _has_deleted(watching: Watching) -> bool:
    return bool(watching.deletions)


async def test_a_deletion_that_was_cut_short_is_taken_up_again(storage: Storage, app: ScriptedApp) -> None:
    async def works_a_lot(execution: Execution) -> ExecutionResult:
        for number in range(2 * MOST_ROWS):
            await execution.run(f"{number}")
        return Succeeded(None)

    watching = Watching(storage)
    dead = await start(watching, app.job("go", works_a_lot), seed=0, settings=KEEP)  # type: ignore[arg-type]
    await dead.send("go")
    await dead.ended(await dead.only_run())
    dead.clock.advance(DAY.total_seconds())
    await let_pass(dead, lambda: _has_deleted(watching))
    await kill(dead)
    await check_invariants(storage)
    assert (await storage.scan(_ask, "count_everything"))[0][0] == 1

    async with world(storage, app, seed=1, settings=KEEP) as it:
        await let_pass(it, lambda: _is_empty(it))


async def test_old_ticks_of_schedules_go_too_and_tick_no_more(storage: Storage, app: ScriptedApp) -> None:
    ticks = Ticks(app)
    ticks.job("hourly", every(3600)).job("often", ends, ScheduleTriggerSpec(every(1800)))
    async with world(storage, app, settings=KEEP) as it:
        await pass_time(it, 3 * DAY.total_seconds())
        await let_pass(it, lambda: _has_no_older_tick(it, it.clock.now() - DAY - timedelta(hours=2)))

        times = ticks.times()
        assert len(times) == len(set(times)) >= 3 * 24
        await let_pass(it, lambda: _are_as_many(it))


async def _has_no_older_tick(it: World, at: datetime) -> bool:
    return all(START + timedelta(milliseconds=int(str(row[1])) - MS) > at for row in await it.query("list_ticks"))


async def _are_as_many(it: World) -> bool:
    """Whether there are as many ticks as runs of theirs, and as events."""
    ticks = len(await it.query("list_ticks"))
    return ticks == len(await it.run_ids()) == len(await it.query("list_events"))


async def test_what_is_kept_for_ever_stays(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends), settings=Settings(retention=None)) as it:
        await it.send("go")
        await it.ended(await it.only_run())
        it.clock.advance(3650 * DAY.total_seconds())
        await pass_through(it)
        assert len(await it.run_ids()) == 1


class SlowStorage(FailingStorage):
    """Takes its time."""

    def __init__(self, storage: Storage, clock: ManualClock, seconds: float) -> None:
        super().__init__(storage)
        self.clock = clock
        self.seconds = seconds
        self.rows: list[int] = []

    async def write(self, transition: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        if "rows" in kwargs:
            self.rows.append(kwargs["rows"])
            self.clock.advance(self.seconds)
        return await super().write(transition, *args, **kwargs)


async def test_transactions_become_smaller_when_they_take_long(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends), settings=Settings(retention=None)) as it:
        for _ in range(600):
            await it.send("go")
        await it.until(lambda runs: set(runs.values()) == {RunStatus.SUCCESS})
        it.clock.advance(DAY.total_seconds())
        slow = SlowStorage(storage, it.clock, 0.1)
        retention = Retention(slow, it.clock, keep=DAY)  # type: ignore[arg-type]
        # The first step looks for ticks, and finds none.
        for _ in range(9):
            await retention.advance()
        slow.seconds = 0.001
        for _ in range(8):
            await retention.advance()

        assert slow.rows[:8] == [500, 250, 125, 62, 31, 15, 10, 10]
        assert slow.rows[8:12] == [10, 20, 40, 80]
