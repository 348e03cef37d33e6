"""Waits for what comes from outside: the first outcome wins, whoever else comes."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from perdure.errors import JsonError, NotFoundError, ValueTooLargeError
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded, Suspended
from perdure.protocol.limits import OUTPUT_LIMIT
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.protocol.task_waits import CallbackWait, EventWait, TaskWait
from perdure.storage.interface import Storage
from tests.engine.app import Execution, Script, ScriptedApp
from tests.engine.world import World, world


def waits(wait: TaskWait) -> Script:
    """A job that waits once and ends with the task's output."""

    async def script(execution: Execution) -> ExecutionResult:
        waiting = await execution.wait_outside("outside", wait)
        if waiting is not None:
            return Suspended((waiting,))
        state = execution.state("outside")
        assert state is not None
        return Succeeded(state.output if state.error is None else JsonText(f'"{state.error.name}"'))

    return script


SIGNAL = EventWait("signal", "trigger.dev", None, None, None, 10)


async def waiting(here: World) -> tuple[str, str, str]:
    """A run that waits, its task, and the token of the task's callback URL."""
    await here.send("job")
    run_id = await here.only_run()
    await here.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
    (task,) = (await here.platform.get_run(run_id)).tasks
    return run_id, task.id, (await here.platform.callback_url(task.id)).rpartition("/")[2]


@pytest.mark.parametrize("first", ["request", "time-out", "cancel"])
async def test_the_first_outcome_of_a_callback_stays(storage: Storage, app: ScriptedApp, first: str) -> None:
    async with world(storage, app.job("job", waits(CallbackWait(10)))) as here:
        run_id, task_id, token = await waiting(here)
        order = {
            "request": lambda: here.node.callbacks.receive(task_id, token, b'{"n": 1}'),
            "time-out": lambda: _time_out(here, run_id),
            "cancel": lambda: here.platform.cancel_run(run_id),
        }
        await order.pop(first)()
        outcome = (await here.platform.get_run(run_id)).tasks[0]
        assert outcome.status is {
            "request": TaskStatus.COMPLETED,
            "time-out": TaskStatus.ERRORED,
            "cancel": TaskStatus.CANCELED,
        }[first]  # fmt: skip
        await here.ended(run_id)
        await here.node.callbacks.receive(task_id, token, b'{"n": 2}')
        here.clock.advance(100)
        await here.platform.cancel_run(run_id)
        assert (await here.platform.get_run(run_id)).tasks[0] == outcome


async def _time_out(here: World, run_id: str) -> None:
    here.clock.advance(10)
    await here.see(run_id, lambda run: run.tasks[0].status is TaskStatus.ERRORED)


@pytest.mark.parametrize("wait", [CallbackWait(10), SIGNAL], ids=["request", "event"])
async def test_a_wait_times_out_at_its_millisecond_and_not_before(
    storage: Storage, app: ScriptedApp, wait: TaskWait
) -> None:
    async with world(storage, app.job("job", waits(wait))) as here:
        run_id, _, _ = await waiting(here)
        here.clock.advance(9.999)
        for _ in range(50):
            await asyncio.sleep(0)
        assert (await here.platform.get_run(run_id)).status is RunStatus.WAITING_TO_CONTINUE
        here.clock.advance(0.001)
        assert (await here.ended(run_id)).output == '"WaitTimeoutError"'


async def test_a_wait_without_time_out_outlives_ten_years(storage: Storage, app: ScriptedApp) -> None:
    app.job("job", waits(EventWait("signal", "trigger.dev", None, None, None, None)))
    async with world(storage, app) as here:
        run_id, _, _ = await waiting(here)
        here.clock.advance(3600 * 24 * 365 * 10)
        assert await here.query("list_timers") == []
        await here.send("signal", '{"n":1}')
        assert '"n":1' in str((await here.ended(run_id)).output)


async def test_of_requests_at_once_one_wins(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("job", waits(CallbackWait(10)))) as here:
        run_id, task_id, token = await waiting(here)
        bodies = [str(number).encode() for number in range(50)]
        await asyncio.gather(*(here.node.callbacks.receive(task_id, token, body) for body in bodies))
        assert (await here.ended(run_id)).output == "0"


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"{", JsonError), (b'"' + b"x" * OUTPUT_LIMIT + b'"', ValueTooLargeError)],
    ids=["no JSON", "too large"],
)
async def test_a_body_that_is_refused_leaves_the_wait_as_it_is(
    storage: Storage, app: ScriptedApp, body: bytes, error: type[Exception]
) -> None:
    async with world(storage, app.job("job", waits(CallbackWait(10)))) as here:
        run_id, task_id, token = await waiting(here)
        with pytest.raises(error):
            await here.node.callbacks.receive(task_id, token, body)
        assert (await here.platform.get_run(run_id)).status is RunStatus.WAITING_TO_CONTINUE
        await here.node.callbacks.receive(task_id, token, b" 1 ")
        assert (await here.ended(run_id)).output == " 1 "


async def test_a_url_of_no_task_is_unknown_like_a_wrong_token(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("job", waits(CallbackWait(10)))) as here:
        run_id, task_id, token = await waiting(here)
        unknown = "task_never"
        unknown_token = (await here.platform.callback_url(unknown)).rpartition("/")[2]
        messages = set()
        for task, secret in ((unknown, unknown_token), (task_id, unknown_token), (unknown, token)):
            with pytest.raises(NotFoundError) as refusal:
                await here.node.callbacks.receive(task, secret, b"1")
            messages.add(refusal.value.message)
        assert len(messages) == 1
        await here.platform.cancel_run(run_id)


async def test_a_result_that_comes_while_the_execution_is_still_at_work_is_not_missed(
    storage: Storage, app: ScriptedApp
) -> None:
    stored, told = asyncio.Event(), asyncio.Event()

    async def script(execution: Execution) -> ExecutionResult:
        task = await execution.wait_outside("outside", CallbackWait(10))
        if task is None:
            return Succeeded(JsonText("true"))
        stored.set()
        await told.wait()
        return Suspended((task,))

    async with world(storage, app.job("job", script)) as here:
        await here.send("job")
        await asyncio.wait_for(stored.wait(), 10)
        run_id = await here.only_run()
        (task,) = (await here.platform.get_run(run_id)).tasks
        token = (await here.platform.callback_url(task.id)).rpartition("/")[2]
        await here.node.callbacks.receive(task.id, token, b"1")
        told.set()
        assert (await here.ended(run_id)).status is RunStatus.SUCCESS
    assert app.resolved == [(run_id, 1, ["COMPLETED"])]


async def test_an_event_and_the_time_out_at_once_leave_one_outcome(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("job", waits(SIGNAL))) as here:
        run_id, _, _ = await waiting(here)
        here.clock.advance(10)
        await here.send("signal", '{"n":1}')
        output = str((await here.ended(run_id)).output)
        assert ('"n":1' in output) != ("WaitTimeoutError" in output)


@pytest.mark.parametrize("order", list(itertools.permutations(("wait", "event", "restart"))))
async def test_only_an_event_after_the_wait_ends_it_also_across_a_restart(
    storage: Storage, app: ScriptedApp, order: tuple[str, ...]
) -> None:
    app.job("job", waits(SIGNAL))
    steps = list(order)
    async with world(storage, app) as here:
        while steps and steps[0] != "restart":
            await _step(here, steps.pop(0))
    steps = steps[1:]
    async with world(storage, app, seed=1) as here:
        while steps:
            await _step(here, steps.pop(0))
        run_id = await here.only_run()
        here.clock.advance(11)
        output = str((await here.ended(run_id)).output)
    assert ('"n":7' in output) is (order.index("wait") < order.index("event"))


async def _step(here: World, step: str) -> None:
    if step == "event":
        await here.send("signal", '{"n":7}')
    else:
        await waiting(here)


async def test_one_event_ends_thousands_of_waits_in_transactions_of_a_thousand(
    storage: Storage, app: ScriptedApp
) -> None:
    count = 2500
    app.job("job", waits(SIGNAL))
    async with world(storage, app) as here:
        for first in range(0, count, 500):
            await asyncio.gather(*(here.send("job", str(number)) for number in range(first, first + 500)))
        await here.until(lambda runs: set(runs.values()) == {"WAITING_TO_CONTINUE"} and len(runs) == count)
        await here.send("signal", '{"n":1}', event_id="one")
        await here.until(lambda runs: set(runs.values()) == {"SUCCESS"})
        await here.send("job", '"late"')
        late = (await here.run_ids())[-1]
        await here.reach(late, RunStatus.WAITING_TO_CONTINUE)
        here.clock.advance(1)
        assert (await here.platform.get_run(late)).status is RunStatus.WAITING_TO_CONTINUE
        await here.platform.cancel_run(late)
