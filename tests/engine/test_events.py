"""Events: stored once, matched once, delivered in time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from perdure.errors import InvalidArgumentError, ValueTooLargeError
from perdure.protocol.endpoint import EventTriggerSpec
from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import START
from tests.engine.world import world


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(execution.request.event.payload)


async def test_an_event_sent_twice_starts_one_run(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        first = await it.send("go", '{"n":1}', event_id="e")
        again = await it.send("go", '{"n":2}', event_id="e")

        assert again == first
        assert len(await it.run_ids()) == 1


async def test_an_event_sent_by_many_at_once_starts_one_run(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        answers = await asyncio.gather(*(it.send("go", f'{{"n":{n}}}', event_id="e") for n in range(20)))

        assert len({answer.payload for answer in answers}) == 1
        assert len(await it.run_ids()) == 1


async def test_a_batch_is_stored_all_or_none(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        with pytest.raises(InvalidArgumentError):
            await it.platform.send_events([EventRequest("go"), EventRequest("")], EventOptions())
        assert await it.query("count_rows") == [(0, 0, 0)]

        answers = await it.platform.send_events([EventRequest("go"), EventRequest("other")], EventOptions())
        assert [answer.name for answer in answers] == ["go", "other"]
        assert len(await it.run_ids()) == 1


async def test_more_than_a_thousand_events_at_once_are_refused_and_none_is_stored(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("go", ends)) as it:
        with pytest.raises(InvalidArgumentError, match="1,001 events"):
            await it.platform.send_events([EventRequest("other")] * 1001, EventOptions())
        assert await it.query("count_rows") == [(0, 0, 0)]

        assert len(await it.platform.send_events([EventRequest("other")] * 1000, EventOptions())) == 1000


async def test_one_id_twice_in_a_batch_is_one_event(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        requests = [EventRequest("go", JsonText('{"n":1}'), "e"), EventRequest("go", JsonText('{"n":2}'), "e")]
        answers = await it.platform.send_events(requests, EventOptions())

        assert [answer.payload for answer in answers] == ['{"n":1}', '{"n":1}']
        assert len(await it.run_ids()) == 1


async def test_an_event_that_matches_nothing_is_delivered_all_the_same(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        answer = await it.send("nobody.listens")

        assert answer.delivered_at == START
        assert await it.run_ids() == []


async def test_one_event_starts_every_job_that_listens(storage: Storage, app: ScriptedApp) -> None:
    for job_id in ("a", "b"):
        app.job(job_id, ends, EventTriggerSpec(("go", "gone")))
    async with world(storage, app) as it:
        await it.send("go")
        runs = [await it.ended(run_id) for run_id in await it.run_ids()]

        assert sorted(run.job_id for run in runs) == ["a", "b"]


async def test_a_delayed_event_is_delivered_when_due_and_not_a_millisecond_before(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("go", ends)) as it:
        answer = await it.send("go", deliver_after=3600)
        assert (answer.deliver_at, answer.delivered_at) == (START + timedelta(hours=1), None)

        it.clock.advance(3599.999)
        await it.send("probe", event_id="probe")
        assert await it.run_ids() == []

        it.clock.advance(0.001)
        await app.happened("execute go 1")
        assert (await it.ended(await it.only_run())).created_at == START + timedelta(hours=1)


async def test_a_time_between_two_milliseconds_is_rounded_up(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        answer = await it.send("go", deliver_at=START + timedelta(microseconds=500))
        assert answer.deliver_at == START + timedelta(milliseconds=1)
        assert await it.run_ids() == []

        it.clock.advance(0.001)
        await app.happened("execute go 1")


async def test_an_event_that_is_far_away_is_replaced(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        await it.send("go", '{"n":1}', event_id="e", deliver_after=5)
        answer = await it.send("go", '{"n":2}', event_id="e", deliver_after=60)
        assert (answer.payload, answer.deliver_at) == ('{"n":2}', START + timedelta(seconds=60))

        it.clock.advance(5)
        await it.send("probe")
        assert await it.run_ids() == []

        it.clock.advance(55)
        await app.happened("execute go 1")
        assert (await it.ended(await it.only_run())).output == '{"n":2}'


async def test_an_event_that_is_near_is_not_replaced(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        first = await it.send("go", '{"n":1}', event_id="e", deliver_after=4.999)
        assert await it.send("go", '{"n":2}', event_id="e", deliver_after=60) == first

        it.clock.advance(5)
        await app.happened("execute go 1")
        assert (await it.ended(await it.only_run())).output == '{"n":1}'


async def test_a_far_event_sent_again_without_a_time_is_delivered_now_under_its_own_name(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("go", ends).job("other", ends)) as it:
        await it.send("go", '{"n":1}', event_id="e", deliver_after=60)
        await it.send("other", '{"n":2}', event_id="e")
        await app.happened("execute go 1")
        run = await it.ended(await it.only_run())

        assert (run.job_id, run.output) == ("go", '{"n":2}')


async def test_many_delayed_events_are_all_delivered(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        for count in (1000, 200):
            await it.platform.send_events([EventRequest("go")] * count, EventOptions(deliver_after=60))
        it.clock.advance(61)
        await it.until(lambda runs: len(runs) == 1200 and set(runs.values()) == {RunStatus.SUCCESS})


async def test_delayed_events_survive_a_restart(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        await it.send("go", deliver_after=60)
    async with world(storage, app, seed=1) as it:
        it.clock.advance(60)
        await app.happened("execute go 1")
        assert (await it.ended(await it.only_run())).status is RunStatus.SUCCESS


async def test_filters_look_at_the_payload_and_the_context(storage: Storage, app: ScriptedApp) -> None:
    trigger = EventTriggerSpec(("go",), filter=JsonText('{"n":[{"$gt":1}]}'), context_filter=JsonText('{"who":["me"]}'))
    async with world(storage, app.job("go", ends, trigger)) as it:
        for payload, context in (('{"n":1}', '{"who":"me"}'), ('{"n":2}', "{}"), ("null", '{"who":"me"}')):
            request = EventRequest("go", JsonText(payload), context=JsonText(context))
            await it.platform.send_events([request], EventOptions())
        assert await it.run_ids() == []

        request = EventRequest("go", JsonText('{"n":2}'), context=JsonText('{"who":"me"}'))
        await it.platform.send_events([request], EventOptions())
        assert len(await it.run_ids()) == 1


async def test_events_of_another_source_are_not_matched(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends, EventTriggerSpec(("go",), source="shop"))) as it:
        await it.send("go")
        await it.platform.send_events([EventRequest("go", source="shop")], EventOptions())

        assert len(await it.run_ids()) == 1


@pytest.mark.parametrize(
    "request_",
    [
        EventRequest(""),
        EventRequest("x" * 513),
        EventRequest("line\nbreak"),
        EventRequest("a\ud800"),
        EventRequest("go", id=""),
        EventRequest("go", id="x" * 1001),
        EventRequest("go", timestamp=datetime(2030, 1, 1)),  # noqa: DTZ001
    ],
)
async def test_an_event_that_cannot_be_stored_is_refused(
    storage: Storage, app: ScriptedApp, request_: EventRequest
) -> None:
    async with world(storage, app.job("go", ends)) as it:
        with pytest.raises(InvalidArgumentError):
            await it.platform.send_events([request_], EventOptions())


@pytest.mark.parametrize(
    "options",
    [
        EventOptions(deliver_at=datetime(2030, 1, 2, tzinfo=UTC), deliver_after=1),
        EventOptions(deliver_after=-0.001),
        EventOptions(deliver_after=float("nan")),
        EventOptions(deliver_after=1e300),
        EventOptions(deliver_after=365 * 86400 + 0.001),
        EventOptions(deliver_at=datetime.max.replace(tzinfo=UTC)),
        EventOptions(deliver_at=datetime(2030, 1, 2)),  # noqa: DTZ001
    ],
)
async def test_a_time_that_cannot_be_is_refused(storage: Storage, app: ScriptedApp, options: EventOptions) -> None:
    async with world(storage, app.job("go", ends)) as it:
        with pytest.raises(InvalidArgumentError):
            await it.platform.send_events([EventRequest("go")], options)


async def test_payloads_are_measured_in_bytes(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        half = 512 * 1024 // 2
        await it.send("go", '"' + "é" * (half - 1) + '"')
        with pytest.raises(ValueTooLargeError, match="524290 bytes"):
            await it.send("go", '"' + "é" * half + '"')
