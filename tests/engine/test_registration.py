"""Registering apps, and registering them again."""

from __future__ import annotations

import pytest

from perdure.errors import DuplicateJobError, InvalidArgumentError, InvalidCronError, InvalidFilterError
from perdure.protocol.endpoint import (
    DynamicScheduleSpec,
    EventTriggerSpec,
    HttpEndpointSpec,
    Index,
    JobSpec,
    LimitSpec,
    ScheduleTriggerSpec,
)
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded, Suspended
from perdure.protocol.schedules import CronTiming, IntervalTiming, V2CronTiming
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.world import world


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(None)


async def test_a_job_that_is_no_longer_declared_is_not_started_any_more(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("old", ends, EventTriggerSpec(("go",))).job("new", ends)) as it:
        app.jobs = [spec for spec in app.jobs if spec.id == "new"]
        await it.node.add(app)
        await it.send("go")

        assert await it.run_ids() == []


async def test_a_job_that_moved_to_another_app_is_not_switched_off_by_its_old_one(
    storage: Storage, app: ScriptedApp
) -> None:
    moved = EventTriggerSpec(("go",))
    async with world(storage, app.job("moves", ends, moved).job("stays", ends)) as it:
        it.clock.advance(1)
    new_home = ScriptedApp(app.clock, endpoint_id="new home").job("moves", ends, moved, version="2.0.0")
    async with world(storage, new_home, seed=1) as it:
        it.clock.advance(1)
        app.jobs = [spec for spec in app.jobs if spec.id == "stays"]
        await it.node.add(app)
        await it.send("go")
        assert len(await it.run_ids()) == 1


async def test_registering_again_replaces_the_subscription(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("job", ends, EventTriggerSpec(("before",)))) as it:
        await it.node.add(app.job("job", ends, EventTriggerSpec(("after",))))
        await it.send("before")
        assert await it.run_ids() == []
        await it.send("after")
        assert len(await it.run_ids()) == 1


async def test_a_job_that_is_not_enabled_is_not_started(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("job", ends, enabled=False)) as it:
        await it.send("job")

        assert await it.run_ids() == []


async def test_a_run_keeps_its_version_and_is_executed_by_the_new_code(storage: Storage, app: ScriptedApp) -> None:
    async def naps(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 60)
        return Succeeded(JsonText('"old"')) if nap is None else Suspended((nap,))

    async def new(execution: Execution) -> ExecutionResult:
        return Succeeded(JsonText('"new"'))

    async with world(storage, app.job("job", naps)) as it:
        await it.send("job")
        first = await it.only_run()
        await it.reach(first, RunStatus.WAITING_TO_CONTINUE)
        await it.node.add(app.job("job", new, version="2.0.0"))
        await it.send("job")
        it.clock.advance(60)
        runs = [await it.ended(run_id) for run_id in await it.run_ids()]

        assert [(run.version, run.output) for run in runs] == [("1.0.0", '"new"'), ("2.0.0", '"new"')]
        assert [execution.request.job.version for execution in app.executions] == ["1.0.0", "2.0.0", "1.0.0"]


async def test_two_apps_of_one_node_may_not_declare_one_job(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("job", ends)) as it:
        with pytest.raises(DuplicateJobError, match="'job' of 'second' is also defined in 'app'"):
            await it.node.add(ScriptedApp(app.clock, endpoint_id="second").job("job", ends))
        await it.send("job")
        await it.ended(await it.only_run())

        assert len(app.executions) == 1


async def test_one_app_may_not_declare_a_job_twice(storage: Storage, app: ScriptedApp) -> None:
    class Twice(ScriptedApp):
        async def index(self) -> Index:
            return Index("twice", (JobSpec("a", "a", "1.0.0", EventTriggerSpec(("a",))),) * 2)

    async with world(storage, app) as it:
        with pytest.raises(DuplicateJobError, match="'a' is defined twice in 'twice'"):
            await it.node.add(Twice(app.clock))
        assert await it.query("count_rows") == [(0, 0, 0)]


async def test_a_filter_that_cannot_be_compiled_registers_nothing(storage: Storage, app: ScriptedApp) -> None:
    other = ScriptedApp(app.clock, endpoint_id="other").job("fine", ends)
    other.job("bad", ends, EventTriggerSpec(("bad",), filter=JsonText('{"a":[{"$nope":1}]}')))
    async with world(storage, app) as it:
        with pytest.raises(InvalidFilterError):
            await it.node.add(other)
        await it.send("fine")

        assert await it.run_ids() == []


@pytest.mark.parametrize("most", [0, -1, 2**63])
async def test_a_limit_that_is_none_registers_nothing_and_the_message_names_the_job(
    storage: Storage, app: ScriptedApp, most: int
) -> None:
    other = ScriptedApp(app.clock, endpoint_id="other").job("limited", ends, limit=LimitSpec(most))
    async with world(storage, app) as it:
        with pytest.raises(InvalidArgumentError, match="Job 'limited': a concurrency limit is a whole number"):
            await it.node.add(other)


async def test_a_schedule_that_is_none_is_said_to_be_that_of_its_job(storage: Storage, app: ScriptedApp) -> None:
    other = ScriptedApp(app.clock, endpoint_id="other")
    other.job("ticks", ends, ScheduleTriggerSpec(CronTiming("* * * * * *")))
    async with world(storage, app) as it:
        with pytest.raises(InvalidCronError, match="Job 'ticks': A cron has five fields"):
            await it.node.add(other)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings of the app's index."""
    return [record.getMessage().removeprefix("App app: ") for record in caplog.records]


UNFIT = [
    (CronTiming("* * * * * *"), "A cron has five fields"),
    (CronTiming("0 0 30 2 *"), "never fires"),
    (V2CronTiming("*/60 61 * * * *"), "The minute of the cron"),
    (V2CronTiming("0 0 31 2,4 *"), "never fires"),
    (CronTiming("0 9 * * *", "Mars/Base"), "no time zone"),
]


@pytest.mark.parametrize(
    ("account_id", "metadata", "why"),
    [("acme\n", None, "control character"), (None, JsonText(f'"{"x" * 65536}"'), "at most 65536")],
)
async def test_an_account_or_metadata_that_no_schedule_may_have_leaves_the_job_without_it(
    storage: Storage, app: ScriptedApp, account_id: str, metadata: JsonText, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    app.is_remote = True
    app.job("ticks", ends, ScheduleTriggerSpec(IntervalTiming(60), account_id=account_id, metadata=metadata))
    async with world(storage, app) as it:
        (warning,) = said(caplog)
        assert warning.startswith("Job 'ticks' is registered without its schedule. ")
        assert why in warning
        assert (await it.platform.list_schedules()).schedules == ()


@pytest.mark.parametrize(("timing", "why"), UNFIT)
async def test_a_schedule_that_is_none_of_an_app_elsewhere_takes_nothing_else_along(
    storage: Storage, app: ScriptedApp, timing: CronTiming, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    app.is_remote = True
    app.job("ticks", ends, ScheduleTriggerSpec(timing)).job("other", ends)
    async with world(storage, app) as it:
        await it.node.add(app)
        # It is said once, however often the app is asked.
        (warning,) = said(caplog)
        assert warning.startswith("Job 'ticks' is registered without its schedule. ")
        assert why in warning
        assert [job.id for job in await it.platform.list_jobs()] == ["other", "ticks"]
        assert (await it.platform.list_schedules()).schedules == ()
        invoked = await it.platform.invoke_job(InvokeRequest("ticks"))
        await it.send("other")
        for run_id in await it.run_ids():
            assert (await it.ended(run_id)).status is RunStatus.SUCCESS
        assert invoked in await it.run_ids()


async def test_a_cron_of_an_app_elsewhere_that_fires_only_in_years_is_left_out(
    storage: Storage, app: ScriptedApp, caplog: pytest.LogCaptureFixture
) -> None:
    app.is_remote = True
    async with world(storage, app.job("other", ends)) as it:
        it.clock.advance(67 * 365.25 * 24 * 3600)  # to 2097: the next leap year is 2104
        await it.node.add(app.job("ticks", ends, ScheduleTriggerSpec(CronTiming("0 0 29 2 *"))))
        assert "does not fire within 5 years" in said(caplog)[0]
        assert len(await it.platform.list_jobs()) == 2
        assert (await it.platform.list_schedules()).schedules == ()


async def test_what_an_app_elsewhere_declares_is_bent_into_its_bounds_and_said(
    storage: Storage, app: ScriptedApp, caplog: pytest.LogCaptureFixture
) -> None:
    app.is_remote = True
    app.dynamic_schedules = ["fine", "bad\n"]
    app.job("often", ends, ScheduleTriggerSpec(IntervalTiming(1)))
    app.job("seconds", ends, ScheduleTriggerSpec(V2CronTiming("30 0 9 * * *")))
    app.job("day", ends, ScheduleTriggerSpec(CronTiming("0 9 * * *")))
    app.job("many", ends, limit=LimitSpec(2**40))
    app.job("dynamic", ends, DynamicScheduleSpec("bad\n"))
    filter = JsonText('{"a":[1,{"$gt":0}]}')
    app.job("filters", ends, EventTriggerSpec(("go",), filter=filter, is_lenient=True))
    async with world(storage, app) as it:
        assert [warning.partition(". ")[0] for warning in said(caplog)] == [
            "A dynamic schedule is left out",
            "Job 'often': an interval of 1 seconds is made 20.",
            "Job 'many': a concurrency limit is lowered to 1,000,000.",
            "Job 'filters': filter.a[0]: a value among operators, or among values of other kinds, is ignored.",
        ]
        timings = [row.timing for row in (await it.platform.list_schedules()).schedules]
        assert timings == [IntervalTiming(20), V2CronTiming("30 0 9 * * *"), CronTiming("0 9 * * *")]


async def test_two_apps_do_not_have_the_same_http_endpoint(storage: Storage, app: ScriptedApp) -> None:
    app.http_endpoints.append(HttpEndpointSpec("hook", "vendor"))
    other = ScriptedApp(app.clock, endpoint_id="other").job("other job", ends)
    other.http_endpoints.append(HttpEndpointSpec("hook", "vendor"))
    async with world(storage, app) as it:
        with pytest.raises(
            InvalidArgumentError, match=f"HTTP endpoint 'hook' of 'other' is also defined in '{app.endpoint_id}'"
        ):
            await it.node.add(other)
        other.http_endpoints = [HttpEndpointSpec("another", "vendor")]
        await it.node.add(other)
        await it.node.add(app)
