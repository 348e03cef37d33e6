"""An event is cancelled or delivered, never both, whoever comes first."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from perdure.config.settings import Settings
from perdure.errors import AlreadyDeliveredError, NotFoundError
from perdure.protocol.events import EventAnswer
from perdure.protocol.execution import ExecutionResult, Succeeded
from perdure.protocol.statuses import RunStatus
from perdure.storage import events
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import START
from tests.engine.storages import FailingStorage
from tests.engine.world import World, world


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(execution.request.event.payload)


async def test_a_cancelled_event_is_never_delivered_and_nothing_of_it_is_due(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("go", ends)) as it:
        sent = await it.send("go", event_id="e", deliver_after=60)
        it.clock.advance(1)
        cancelled = await it.platform.cancel_event("e")

        assert cancelled.cancelled_at == START + timedelta(seconds=1)
        assert (cancelled.delivered_at, cancelled.deliver_at, cancelled.id) == (None, sent.deliver_at, "e")
        assert await it.query("list_timers") == []

        it.clock.advance(3600)
        await it.send("go", event_id="probe")
        details = await it.platform.get_event("e")
        assert (details.event, details.runs) == (cancelled, ())
        assert len(await it.run_ids()) == 1


async def test_cancelling_again_changes_nothing(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        await it.send("go", event_id="e", deliver_after=60)
        first = await it.platform.cancel_event("e")
        it.clock.advance(1)

        assert await it.platform.cancel_event("e") == first


async def test_a_delivered_event_cannot_be_cancelled_and_stays_as_it_is(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        for event_id in ("heard", "unheard"):
            sent = await it.send("go" if event_id == "heard" else "nobody.listens", event_id=event_id)
            with pytest.raises(AlreadyDeliveredError, match=f"'{event_id}' was delivered at 2030") as caught:
                await it.platform.cancel_event(event_id)
            assert caught.value.code == "already_delivered"
            assert (await it.platform.get_event(event_id)).event == sent


async def test_an_event_that_nothing_matched_is_done_and_is_still_so_when_a_v2_client_has_cancelled_it(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("go", ends)) as it:
        await it.send("unheard", event_id="now")
        await it.send("unheard", event_id="later", deliver_after=60)
        await it.send("go", event_id="probe", deliver_after=60)
        it.clock.advance(60)
        await app.happened("execute go 1")
        assert [(await it.platform.get_event(id)).event.delivered_at for id in ("now", "later")] == [
            START,
            START + timedelta(seconds=60),
        ]

        (environment,) = it.node.environments.all()
        remote = environment.remote
        cancelled = [await remote.events.cancel(remote.environment_no, id, as_v2=True) for id in ("now", "later")]
        assert [one.delivered_at for one in cancelled] == [None, None]
        assert {one.cancelled_at for one in cancelled} == {it.clock.now()}
        for one in cancelled:
            assert (await it.platform.get_event(one.id)).event == one
            assert await it.send("unheard", event_id=one.id) == one
        assert await it.query("list_timers") == []
        assert len(await it.run_ids()) == 1


async def test_an_event_that_does_not_exist_is_not_found(storage: Storage, app: ScriptedApp) -> None:
    other = ScriptedApp(app.clock, endpoint_id="other")
    async with (
        world(storage, app.job("go", ends), shares_database=True) as it,
        world(storage, other, seed=1, shares_database=True, settings=Settings(environment="prod")) as elsewhere,
    ):
        await elsewhere.send("go", event_id="theirs", deliver_after=60)
        for event_id in ("theirs", "never sent"):
            for call in (it.platform.cancel_event, it.platform.get_event):
                with pytest.raises(NotFoundError, match=f"no event '{event_id}'"):
                    await call(event_id)
        assert (await elsewhere.platform.get_event("theirs")).event.cancelled_at is None


async def test_a_cancelled_event_sent_again_is_the_cancelled_one(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        await it.send("go", '{"n":1}', event_id="e", deliver_after=60)
        cancelled = await it.platform.cancel_event("e")

        assert await it.send("go", '{"n":2}', event_id="e") == cancelled
        assert await it.send("go", '{"n":2}', event_id="e", deliver_after=60) == cancelled
        assert await it.query("list_timers") == []
        it.clock.advance(60)
        await it.send("go", event_id="probe")
        assert len(await it.run_ids()) == 1


async def test_an_event_tells_the_runs_that_it_started(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("go", ends)) as it:
        await it.send("go", event_id="e", deliver_after=60)
        created = (await it.platform.get_event("e")).updated_at
        it.clock.advance(60)
        await app.happened("execute go 1")
        run = await it.ended(await it.only_run())
        details = await it.platform.get_event("e")

        assert (created, details.created_at, details.updated_at) == (START, START, START + timedelta(seconds=60))
        assert [(one.id, one.job_id, one.status) for one in details.runs] == [(run.id, "go", RunStatus.SUCCESS)]
        assert (details.runs[0].started_at, details.runs[0].completed_at) == (run.started_at, run.completed_at)


class _Meeting(FailingStorage):
    """Lets something happen between the moment when due events were read and their delivery."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self.meet: Callable[[], Awaitable[None]] | None = None

    async def read(self, query: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        found = await super().read(query, *args, **kwargs)
        if query is events.list_due_events and found and self.meet is not None:
            meet, self.meet = self.meet, None
            await meet()
        return found


async def test_an_event_cancelled_when_its_delivery_has_begun_is_not_delivered(
    storage: Storage, app: ScriptedApp
) -> None:
    meeting = _Meeting(storage)
    async with world(meeting, app.job("go", ends)) as it:  # type: ignore[arg-type]

        async def meet() -> None:
            await it.platform.cancel_event("e")
            app.signal("met")

        await it.send("go", event_id="e", deliver_after=60)
        meeting.meet = meet
        it.clock.advance(60)
        await app.happened("met")
        await it.send("go", event_id="next", deliver_after=1)
        it.clock.advance(1)
        await app.happened("execute go 1")

        assert (await it.platform.get_event("e")).event.cancelled_at == START + timedelta(seconds=60)
        assert {str(name): fate for name, *fate in await it.query("list_events")} == {"e": [0, 1, 0], "next": [1, 0, 1]}


async def test_an_event_delivered_when_its_cancelling_has_begun_is_not_cancelled(
    storage: Storage, app: ScriptedApp
) -> None:
    meeting = _Meeting(storage)
    async with world(meeting, app.job("go", ends)) as it:  # type: ignore[arg-type]
        await it.send("go", event_id="e", deliver_after=60)
        cancelling: list[asyncio.Task[EventAnswer]] = []

        async def meet() -> None:
            # Asked for before the delivery is given to the database, and given to it after that.
            cancelling.append(asyncio.create_task(it.platform.cancel_event("e")))

        meeting.meet = meet
        it.clock.advance(60)
        await app.happened("execute go 1")
        with pytest.raises(AlreadyDeliveredError):
            await cancelling[0]

        assert {str(name): fate for name, *fate in await it.query("list_events")} == {"e": [1, 0, 1]}


@pytest.mark.parametrize("seed", range(20))
async def test_events_cancelled_around_their_time_are_cancelled_or_delivered(
    storage: Storage, app: ScriptedApp, seed: int
) -> None:
    chance = random.Random(seed)
    async with world(storage, app.job("go", ends)) as it:
        names = [f"e{number}" for number in range(40)]
        for name in names:
            await it.send("go", event_id=name, deliver_after=chance.randint(1, 8) / 2)

        await it.send("go", event_id="far", deliver_after=3600)
        cancelling: dict[str, asyncio.Task[bool]] = {}
        for _ in range(10):
            it.clock.advance(0.5)
            for name in names:
                if name not in cancelling and chance.random() < 0.2:
                    cancelling[name] = asyncio.create_task(_is_cancelled(it, name))
            for _ in range(chance.randint(0, 3)):
                # A write that changes nothing: others go on meanwhile.
                await it.platform.cancel_event("far")
        await _nothing_is_due(it)
        fates = {str(name): fate for name, *fate in await it.query("list_events")}
        answers = {name: name in cancelling and await cancelling[name] for name in names}
        assert fates == {"far": [0, 1, 0]} | {name: [0, 1, 0] if answers[name] else [1, 0, 1] for name in names}
        assert {await task for task in cancelling.values()} == {True, False}


async def _nothing_is_due(it: World) -> None:
    async with asyncio.timeout(60):
        while True:
            if not await it.query("list_timers"):
                return
            await asyncio.sleep(0)


async def _is_cancelled(it: World, name: str) -> bool:
    try:
        answer = await it.platform.cancel_event(name)
    except AlreadyDeliveredError:
        return False
    assert answer.delivered_at is None
    return True
