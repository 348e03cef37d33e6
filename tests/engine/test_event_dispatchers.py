"""Tasks of apps elsewhere that have an event sent to their callback URL, for as long as they said."""

from __future__ import annotations

from perdure.protocol.execution import JsonText
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import CallbackWait, EventWait
from perdure.storage.interface import Storage
from tests.engine.app import ScriptedApp
from tests.engine.test_outside import waiting, waits
from tests.engine.world import World, world

FOR_EVER = CallbackWait(None)


async def await_event(here: World, task_id: str, seconds: float, filter: str | None = None) -> None:
    """Have the event ``signal`` sent to the callback URL of a task."""
    wait = EventWait("signal", "trigger.dev", None if filter is None else JsonText(filter), None, None, seconds)
    assert await here.node.own.remote.await_event(here.node.callbacks.url(task_id), [wait]) == task_id


async def test_a_dispatcher_ends_at_its_millisecond_and_its_task_goes_on_waiting(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("job", waits(FOR_EVER))) as here:
        run_id, task_id, token = await waiting(here)
        await await_event(here, task_id, 10)
        here.clock.advance(10)
        await here.send("signal", '{"n": 1}')
        assert (await here.platform.get_run(run_id)).status is RunStatus.WAITING_TO_CONTINUE
        await here.node.callbacks.receive(task_id, token, b'"by request"')
        assert (await here.ended(run_id)).output == '"by request"'


async def test_a_dispatcher_sends_an_event_on_until_its_last_millisecond(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("job", waits(FOR_EVER))) as here:
        run_id, task_id, _ = await waiting(here)
        await await_event(here, task_id, 10)
        here.clock.advance(9.999)
        await here.send("signal", '{"n": 1}')
        assert '"n": 1' in str((await here.ended(run_id)).output)


async def test_a_dispatcher_that_is_registered_again_stays_as_it_is(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("job", waits(FOR_EVER))) as here:
        run_id, task_id, _ = await waiting(here)
        await await_event(here, task_id, 10, '{"n": [1]}')
        here.clock.advance(9)
        await await_event(here, task_id, 10, '{"n": [2]}')
        await here.send("signal", '{"n": 2}')
        here.clock.advance(1)
        await here.send("signal", '{"n": 1}')
        assert (await here.platform.get_run(run_id)).status is RunStatus.WAITING_TO_CONTINUE
        await await_event(here, task_id, 10, '{"n": [2]}')
        await here.send("signal", '{"n": 2}')
        assert '"n": 2' in str((await here.ended(run_id)).output)
