"""Dynamic schedules: registered and unregistered while the app runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from perdure.config.settings import Settings
from perdure.errors import (
    CronNeverFiresError,
    InvalidArgumentError,
    InvalidCronError,
    NotFoundError,
    StaleExecutionError,
    ValueTooLargeError,
)
from perdure.protocol.execution import AccountInfo, ExecutionResult, JsonText, SourceInfo, Succeeded
from perdure.protocol.schedules import RegisterSchedule, ScheduleAnswer, UnregisterSchedule
from perdure.protocol.state import StateCall, StateOutcome
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Session, Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import ManualClock
from tests.engine.storages import FailingStorage
from tests.engine.ticking import DAY, Ticked, Ticks, cron, every, pass_time, register, settle, timers
from tests.engine.world import World, world

STOP = UnregisterSchedule("reminders", "ada")


@pytest.fixture
def ticks(app: ScriptedApp) -> Ticks:
    return Ticks(app)


async def test_every_job_of_a_dynamic_schedule_starts_with_key_metadata_and_account(
    storage: Storage, ticks: Ticks
) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail", "text")) as it:
        await register(it, "reminders", "ada", every(3600), account_id="acme", metadata='{"zone":"Ωmega"}')
        await register(it, "reminders", "bob", cron("30 0 * * *"))
        await pass_time(it, 3600)
    ada, bob = SourceInfo("ada", JsonText('{"zone":"Ωmega"}')), SourceInfo("bob")
    account = AccountInfo("acme")
    assert sorted(ticks.all, key=lambda one: (one.ts, one.job)) == [
        Ticked("mail", "01T00:30", None, bob, None),
        Ticked("text", "01T00:30", None, bob, None),
        Ticked("mail", "01T01:00", None, ada, account),
        Ticked("text", "01T01:00", None, ada, account),
    ]


async def test_registering_answers_what_is_stored(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        call = RegisterSchedule("reminders", "ada", cron("0 9 * * *", "Asia/Kolkata"), "acme", JsonText("[1]"))
        answer = await it.platform.register_schedule(call)
        assert answer == ScheduleAnswer("ada", call.timing, "acme", JsonText("[1]"), True)
        again = RegisterSchedule("reminders", "ada", every(60))
        assert await it.platform.register_schedule(again) == ScheduleAnswer("ada", every(60), None, None, True)
        stopped = ScheduleAnswer("ada", every(60), None, None, False)
        assert [await it.platform.unregister_schedule(STOP) for _ in range(2)] == [stopped, stopped]


async def test_registering_the_same_again_shifts_and_repeats_nothing(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        for _ in range(10):
            await register(it, "reminders", "ada", every(3600))
            await pass_time(it, 1000)
    assert ticks.times() == ["01T01:00", "01T02:00"]


async def test_registering_the_same_again_changes_what_ticks_tell(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        await register(it, "reminders", "ada", every(60), account_id="acme", metadata="1")
        await pass_time(it, 60)
        await register(it, "reminders", "ada", every(60), metadata="2")
        await pass_time(it, 60)
    assert [(one.source, one.account) for one in ticks.all] == [
        (SourceInfo("ada", JsonText("1")), AccountInfo("acme")),
        (SourceInfo("ada", JsonText("2")), None),
    ]


async def test_another_timing_counts_from_the_last_tick(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        await register(it, "reminders", "ada", every(3600))
        await pass_time(it, 4000)
        await register(it, "reminders", "ada", every(7200))
        assert await timers(it) == {"ada": "01T03:00"}
        await register(it, "reminders", "ada", cron("10 * * * *"))
        assert await timers(it) == {"ada": "01T01:10"}


async def test_what_is_unregistered_ticks_no_more_until_it_is_registered_again(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        await register(it, "reminders", "ada", every(3600))
        await pass_time(it, 3600)
        await it.platform.unregister_schedule(STOP)
        await pass_time(it, 2.5 * 3600)
        await register(it, "reminders", "ada", every(3600))
        await pass_time(it, 3600)
    assert [(one.ts, one.last) for one in ticks.all] == [("01T01:00", None), ("01T04:00", "01T01:00")]


async def test_two_dynamic_schedules_may_use_one_key(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "remind")) as it:
        await it.node.add(ticks.dynamic("reports", "report"))
        await register(it, "reminders", "ada", every(60))
        await register(it, "reports", "ada", every(60))
        await pass_time(it, 60)
        await it.platform.unregister_schedule(STOP)
        await pass_time(it, 60)
    assert (ticks.times("remind"), ticks.times("report")) == (["01T00:01"], ["01T00:01", "01T00:02"])


async def test_without_a_job_a_registration_rests_and_later_it_ticks_from_then_on(
    storage: Storage, ticks: Ticks
) -> None:
    app = ticks.dynamic("reminders")
    async with world(storage, app) as it:
        await register(it, "reminders", "ada", every(3600))
        await register(it, "reminders", "bob", every(3600))
        await it.platform.unregister_schedule(STOP)
        it.clock.advance(2.5 * 3600)
        assert await timers(it) == {}
        await it.node.add(ticks.dynamic("reminders", "mail"))
        assert await timers(it) == {"bob": "01T03:00"}
        await pass_time(it, 3600)
        app.jobs.clear()
        await it.node.add(app)
        assert await timers(it) == {}
    assert ticks.times() == ["01T03:00"]


async def test_registrations_of_an_app_that_is_away_go_on_for_its_jobs(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        await register(it, "reminders", "ada", every(3600))
    other = ScriptedApp(ticks.app.clock, endpoint_id="other")
    async with world(storage, other, seed=1) as it:
        it.clock.advance(3600)
        await it.until(lambda runs: len(runs) == 1)
    async with world(storage, ticks.app, seed=2) as it:
        await settle(it)
    assert ticks.times() == ["01T01:00"]


async def test_an_unknown_dynamic_schedule_or_key_is_not_found(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        with pytest.raises(NotFoundError, match="Did you mean 'reminders'"):
            await register(it, "reminder", "ada", every(60))
        with pytest.raises(NotFoundError, match="never seen a dynamic schedule 'mail'"):
            await it.platform.unregister_schedule(UnregisterSchedule("mail", "ada"))
        with pytest.raises(
            NotFoundError, match="Nothing was registered with the dynamic schedule 'reminders' as 'ada'"
        ):
            await it.platform.unregister_schedule(STOP)


BAD = {
    "no key": (RegisterSchedule("reminders", "", every(60)), InvalidArgumentError),
    "a long key": (RegisterSchedule("reminders", "x" * 513, every(60)), InvalidArgumentError),
    "a key with a control character": (RegisterSchedule("reminders", "a\x00", every(60)), InvalidArgumentError),
    "a short interval": (RegisterSchedule("reminders", "k", every(1)), InvalidArgumentError),
    "no cron": (RegisterSchedule("reminders", "k", cron("@reboot")), InvalidCronError),
    "a cron that never fires": (RegisterSchedule("reminders", "k", cron("0 0 30 2 *")), CronNeverFiresError),
    "no zone": (RegisterSchedule("reminders", "k", cron("* * * * *", "Mars/Base")), InvalidArgumentError),
    "no account": (RegisterSchedule("reminders", "k", every(60), ""), InvalidArgumentError),
    "much metadata": (
        RegisterSchedule("reminders", "k", every(60), None, JsonText(f'"{"x" * 65536}"')),
        ValueTooLargeError,
    ),
}


@pytest.mark.parametrize(("call", "error"), BAD.values(), ids=BAD.keys())
async def test_what_cannot_be_registered_is_refused_and_leaves_no_trace(
    storage: Storage, ticks: Ticks, call: RegisterSchedule, error: type[Exception]
) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        with pytest.raises(error):
            await it.platform.register_schedule(call)
        assert await timers(it) == {}


async def test_an_environment_has_so_many_registrations_and_no_more(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail"), settings=Settings(max_schedules=2)) as it:
        await register(it, "reminders", "ada", every(60))
        await register(it, "reminders", "bob", every(60))
        with pytest.raises(InvalidArgumentError, match=r"has 2 registered schedules.*'cyd' .*PERDURE_MAX_SCHEDULES"):
            await register(it, "reminders", "cyd", every(60))
        await register(it, "reminders", "bob", every(120))
        await it.platform.unregister_schedule(STOP)
        await register(it, "reminders", "cyd", every(60))
        with pytest.raises(InvalidArgumentError):
            await register(it, "reminders", "ada", every(60))


class Interposing(FailingStorage):
    """Lets something happen between the plan of ticks and its transaction, once."""

    between: Callable[[], Coroutine[Any, Any, object]] | None = None

    async def write(self, transition: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        between = self.between
        if between is not None and transition.__name__ == "fire_ticks":
            self.between = None
            await between()
        return await super().write(transition, *args, **kwargs)


async def test_a_tick_that_is_planned_when_its_schedule_is_unregistered_does_not_fire(
    storage: Storage, ticks: Ticks
) -> None:
    interposing = Interposing(storage)
    async with world(interposing, ticks.dynamic("reminders", "mail")) as it:  # type: ignore[arg-type]
        await register(it, "reminders", "ada", every(60))
        interposing.between = lambda: it.platform.unregister_schedule(STOP)
        it.clock.advance(60)
        await settle(it)
        assert interposing.between is None
        assert await timers(it) == {}
    assert ticks.all == []


async def test_a_tick_that_is_planned_when_its_schedule_changes_is_planned_anew(storage: Storage, ticks: Ticks) -> None:
    interposing = Interposing(storage)
    async with world(interposing, ticks.dynamic("reminders", "mail")) as it:  # type: ignore[arg-type]
        await register(it, "reminders", "ada", every(60), metadata="1")
        interposing.between = lambda: register(it, "reminders", "ada", every(60), metadata="2")
        it.clock.advance(60)
        await settle(it)
    assert [(one.ts, one.source) for one in ticks.all] == [("01T00:01", SourceInfo("ada", JsonText("2")))]


async def test_unregistering_races_ticks_without_a_tick_too_many(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        for attempt in range(1, 21):
            await register(it, "reminders", "ada", every(60))
            it.clock.advance(60)
            await asyncio.gather(it.platform.unregister_schedule(STOP), it.node._schedules.fire_due(500))
            fired = len(await it.query("list_ticks"))
            assert await it.node._schedules.fire_due(500) == 0
            assert await timers(it) == {}
            assert fired == len(await it.query("list_ticks")) <= attempt
        await settle(it)


async def test_a_schedule_whose_zone_is_gone_stops_without_stopping_others(
    storage: Storage, ticks: Ticks, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        await register(it, "reminders", "ada", cron("* * * * *"))
        await register(it, "reminders", "bob", cron("* * * * *"))
        await it.storage.write(_lose_zone, "ada")
        await pass_time(it, 120)
        assert await timers(it) == {"bob": "01T00:03"}
        await it.node.add(ticks.app)
        assert await timers(it) == {"bob": "01T00:03"}
        await register(it, "reminders", "ada", cron("* * * * *"))
    assert ticks.times() == ["01T00:01", "01T00:02"]
    assert "The schedule 'ada' of DYNAMIC_SCHEDULE 'reminders' cannot tick any more" in caplog.text


async def _lose_zone(tx: Session, key: str) -> None:
    await tx.run("lose_zone", key)


# In runs.


def asks(*calls: StateCall) -> tuple[list[StateOutcome], object]:
    """A script that makes these calls, each as a task, and what came of them in all executions."""
    outcomes: list[StateOutcome] = []

    async def script(execution: Execution) -> ExecutionResult:
        for at, call in enumerate(calls):
            record = execution.record(str(at), operation="schedule")
            outcomes.append(await execution.app.platform.perform_task(execution.run_id, execution.epoch, record, call))
        return Succeeded(None)

    return outcomes, script


async def run(world: World, script: object) -> None:
    await world.node.add(world.app.job("asks", script))  # type: ignore[arg-type]
    await world.send("asks")
    await world.reach((await world.run_ids())[-1], RunStatus.SUCCESS)


async def test_a_run_registers_and_unregisters_in_the_transactions_of_its_tasks(storage: Storage, ticks: Ticks) -> None:
    call = RegisterSchedule("reminders", "ada", every(60), "acme", JsonText('{"a":1}'))
    outcomes, script = asks(call, RegisterSchedule("reminders", "bob", cron("* * * * *", "Asia/Kolkata")), STOP)
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        await run(it, script)
        await pass_time(it, 60)
    shown = [json.loads(one.output or "") for one in outcomes]
    ada = {"type": "interval", "options": {"seconds": 60}, "accountId": "acme", "metadata": {"a": 1}}
    bob = {"type": "cron", "options": {"cron": "* * * * *", "timezone": "Asia/Kolkata"}}
    assert shown == [
        {"id": "ada", "schedule": ada, "metadata": {"a": 1}, "active": True},
        {"id": "bob", "schedule": bob, "metadata": None, "active": True},
        {"id": "ada", "schedule": ada, "metadata": {"a": 1}, "active": False},
    ]
    assert [one.source for one in ticks.all] == [SourceInfo("bob")]


async def test_a_refusal_is_recorded_of_the_task(storage: Storage, ticks: Ticks) -> None:
    outcomes, script = asks(RegisterSchedule("reminders", "ada", every(1)), RegisterSchedule("gone", "ada", every(60)))
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        await run(it, script)
    assert [one.error.name for one in outcomes if one.error is not None] == ["InvalidArgumentError", "NotFoundError"]


async def test_an_execution_that_no_longer_holds_its_run_registers_nothing(storage: Storage, ticks: Ticks) -> None:
    late: list[str] = []

    async def script(execution: Execution) -> ExecutionResult:
        call = RegisterSchedule("reminders", "ada", every(60))
        with pytest.raises(StaleExecutionError):
            await execution.app.platform.perform_task(
                execution.run_id, execution.epoch + 1, execution.record("late"), call
            )
        late.append("refused")
        return Succeeded(None)

    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        await run(it, script)
        assert await timers(it) == {}
    assert late == ["refused"]


async def test_a_task_that_is_performed_again_registers_once(storage: Storage, ticks: Ticks) -> None:
    outcomes: list[StateOutcome] = []

    async def script(execution: Execution) -> ExecutionResult:
        for call in (RegisterSchedule("reminders", "ada", every(60)), RegisterSchedule("reminders", "bob", every(60))):
            record = execution.record("same", operation="schedule")
            outcomes.append(await execution.app.platform.perform_task(execution.run_id, execution.epoch, record, call))
        return Succeeded(None)

    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        await run(it, script)
        assert list(await timers(it)) == ["ada"]
    assert outcomes[0] == outcomes[1]


async def test_schedules_of_another_environment_wait_for_a_node_of_theirs(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail"), settings=Settings(environment="prod")) as it:
        await register(it, "reminders", "ada", every(3600))
    async with world(storage, ticks.app, seed=1) as it:
        with pytest.raises(NotFoundError):
            await it.platform.unregister_schedule(STOP)
        await register(it, "reminders", "bob", every(3600))
        it.clock.advance(3600)
        await it.until(lambda runs: list(runs.values()) == ["SUCCESS"])
    ticks.app.clock.advance(DAY)
    async with world(storage, ticks.app, seed=2, settings=Settings(environment="prod")) as it:
        await it.until(lambda runs: list(runs.values()) == ["SUCCESS", "SUCCESS"])
    assert [(one.ts, one.source) for one in ticks.all] == [
        ("01T01:00", SourceInfo("bob")),
        ("02T01:00", SourceInfo("ada")),
    ]


async def test_a_clock_that_was_wrong_keeps_no_registration_from_ticking(storage: Storage, ticks: Ticks) -> None:
    async with world(storage, ticks.dynamic("reminders", "mail")) as it:
        await register(it, "reminders", "hourly", every(3600))
        await register(it, "reminders", "daily", cron("0 9 * * *"))
        it.clock.advance(300 * DAY)
        await settle(it)
    assert len(ticks.all) == 2
    # Another process, by the right time.
    clock = ManualClock()
    clock.advance(1800)
    later = Ticks(ScriptedApp(clock))
    async with world(storage, later.dynamic("reminders", "mail"), seed=1) as it:
        await pass_time(it, DAY)
    hourly = [one.ts for one in later.all if one.source == SourceInfo("hourly")]
    assert hourly[:3] == ["01T01:00", "01T02:00", "01T03:00"]
    assert [one.ts for one in later.all if one.source == SourceInfo("daily")] == ["01T09:00"]
