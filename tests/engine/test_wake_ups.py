"""Whoever sleeps is woken by all that makes something due: where time stands still, nobody looks unasked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from perdure.config.settings import Settings
from perdure.errors import StorageUnavailableError
from perdure.protocol.endpoint import LimitSpec
from perdure.protocol.execution import ExecutionResult, Succeeded, Suspended, Yielded
from perdure.protocol.operations import FETCH
from perdure.protocol.runs import RunAnswer
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import EventWait, InvokeRequest
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.fetching import ask
from tests.engine.requester import Answers, answer
from tests.engine.storages import FailingStorage, InterruptedStorage
from tests.engine.ticking import until
from tests.engine.world import World, world


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(None)


async def works(execution: Execution) -> ExecutionResult:
    """Is at work until the test says so."""
    await execution.app.happened("go on")
    return Succeeded(None)


def all_succeed(count: int) -> Callable[[dict[str, str]], bool]:
    return lambda runs: list(runs.values()) == [RunStatus.SUCCESS] * count


async def awaits(it: World, run_id: str) -> asyncio.Task[RunAnswer]:
    """Wait for the end of a run that is at work here, from now on."""
    waiting: asyncio.Task[RunAnswer] = asyncio.create_task(it.platform.wait_for_run(run_id))
    await until(lambda: run_id in it.node.hints._awaited)
    return waiting


async def test_whoever_waits_for_a_run_learns_of_its_end_though_nobody_knows_of_the_commit(
    storage: Storage, app: ScriptedApp
) -> None:
    failing = FailingStorage(storage)
    async with world(failing, app.job("works", works)) as it:  # type: ignore[arg-type]
        await it.send("works")
        await app.happened("execute works 1")
        waiting = await awaits(it, await it.only_run())
        failing.after.add("apply_result")
        app.signal("go on")
        await failing.failed.wait()
        failing.after.clear()
        # Then the result is stored once more, and refused.
        it.clock.advance(60)

        async with asyncio.timeout(60):
            assert (await waiting).status is RunStatus.SUCCESS


async def test_whoever_waits_for_a_run_since_it_was_at_work_learns_of_its_end_by_a_commit_of_which_nobody_knows(
    storage: Storage, app: ScriptedApp
) -> None:
    async def naps(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 3600)
        await app.happened("go on")
        assert nap is not None
        return Suspended((nap,))

    failing = FailingStorage(storage)
    async with world(failing, app.job("naps", naps)) as it:  # type: ignore[arg-type]
        await it.send("naps")
        await app.happened("execute naps 1")
        run_id = await it.only_run()
        waiting = await awaits(it, run_id)
        app.signal("go on")
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        failing.after.add("wake_and_claim")
        with pytest.raises(StorageUnavailableError):
            await it.platform.cancel_run(run_id)
        failing.after.clear()

        async with asyncio.timeout(60):
            while not waiting.done():
                it.clock.advance(1)
                await asyncio.sleep(0)
        assert (await waiting).status is RunStatus.CANCELED


async def test_an_end_by_a_commit_of_which_nobody_knows_is_told_and_its_waits_are_over_at_once(
    storage: Storage, app: ScriptedApp
) -> None:
    async def invokes(execution: Execution) -> ExecutionResult:
        suspended = await execution.wait_for_runs("child", InvokeRequest("works"))
        return Succeeded(None) if suspended is None else suspended

    failing = FailingStorage(storage)
    app.job("works", works, notify_success=True).job("invokes", invokes)
    async with world(failing, app) as it:  # type: ignore[arg-type]
        await it.send("invokes")
        await app.happened("execute works 1")
        await it.until(lambda runs: RunStatus.WAITING_TO_CONTINUE in runs.values())
        failing.after.add("apply_result")
        app.signal("go on")
        await failing.failed.wait()
        failing.after.clear()
        # Less than the second after which everybody looks again.
        it.clock.advance(0.75)

        await app.happened("notify")
        await it.until(all_succeed(2))


@pytest.mark.parametrize("transition", ["store_events", "wake_only"])
@pytest.mark.parametrize("how", ["cancelled", "unknown"])
async def test_a_run_whose_sender_does_not_know_of_its_commit_is_executed_as_soon_as_there_is_room(
    storage: Storage, app: ScriptedApp, transition: str, how: str
) -> None:
    interrupted = InterruptedStorage(storage)
    committed = asyncio.Event()

    async def holds(name: str) -> None:
        if name == transition:
            committed.set()
            await asyncio.Event().wait()

    app.job("works", works)
    async with world(interrupted, app, settings=Settings(max_executions=1)) as it:  # type: ignore[arg-type]
        # Then an event may end waits, and what it wakes is claimed in the commit that stores it.
        it.node.directory.any_may_be_awaited = transition == "wake_only"
        await it.send("works")
        await app.happened("execute works 1")
        if how == "cancelled":
            interrupted.later = holds
            sending = asyncio.create_task(it.send("works"))
            await committed.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        else:
            interrupted.after.add(transition)
            with pytest.raises(StorageUnavailableError):
                await it.send("works")
            interrupted.after.clear()
        app.signal("go on")
        await it.until(all_succeed(2))


async def test_a_wait_that_ends_while_the_tasks_of_an_execution_are_loaded_is_told_to_it(
    storage: Storage, app: ScriptedApp
) -> None:
    came = asyncio.Event()

    class Slow(FailingStorage):
        """Lets something happen between a look at the tasks of a run and what is done with it."""

        async def scan(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            found = await super().scan(query, *args, **kwargs)
            if query.__name__ == "list_of_runs" and not came.is_set():
                came.set()
                await it.send("came")
            return found

    async def waits(execution: Execution) -> ExecutionResult:
        for number in range(30):
            await execution.run(f"task {number}")
        waiting = await execution.wait_outside("event", EventWait("came", "trigger.dev", None, None, None, None))
        if execution.epoch == 1:
            return Yielded("again")
        return Succeeded(None) if waiting is None else Suspended((waiting,))

    async with world(Slow(storage), app.job("waits", waits)) as it:  # type: ignore[arg-type]
        await it.send("waits")

        assert (await it.ended(await it.only_run())).executions == 2
        assert came.is_set()


async def test_a_run_goes_on_when_its_code_is_back_though_the_rest_of_the_registration_failed(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("gone", ends)):
        pass
    failing = FailingStorage(storage)
    other = ScriptedApp(app.clock, endpoint_id="other")
    async with world(failing, other, seed=1) as it:  # type: ignore[arg-type]
        await it.send("gone")
        run_id = await it.only_run()
        await it.see(run_id, lambda run: run.why != "in line")
        failing.before.add("wake_resting")
        with pytest.raises(StorageUnavailableError):
            await it.node.add(app)

        assert (await it.ended(run_id)).status is RunStatus.SUCCESS


async def test_a_place_under_a_limit_that_is_newer_than_the_execution_is_given_to_who_is_next(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, app.job("works", works)) as it:
        await it.send("works")
        await app.happened("execute works 1")
        await it.node.add(app.job("works", works, limit=LimitSpec(1)))
        await it.send("works")
        (waiting,) = [run_id for run_id, status in await it.query("list_runs") if status == RunStatus.QUEUED]
        await it.see(str(waiting), lambda run: run.why is not None and run.why.startswith("waits for a place"))
        app.signal("go on")

        await it.until(all_succeed(2))


async def test_a_timer_of_an_environment_that_nobody_serves_makes_no_other_late(
    storage: Storage, app: ScriptedApp
) -> None:
    async def naps(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 0.3)
        return Succeeded(None) if nap is None else Suspended((nap,))

    theirs = ScriptedApp(app.clock, endpoint_id="theirs").job("theirs", ends)
    async with world(storage, theirs, settings=Settings(environment="prod")) as prod:
        await prod.send("theirs", deliver_after=10)
    async with world(storage, app.job("naps", naps), seed=1) as it:
        it.clock.advance(10)
        await it.send("naps")
        run_id = await it.only_run()
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        # Whatever was about to look has looked.
        for _ in range(100):
            await asyncio.sleep(0)

        await it.advance(0.3, run_id, RunStatus.SUCCESS)


async def test_a_request_that_found_no_room_while_it_was_taken_for_nothing_is_made_when_it_is_given_back(
    storage: Storage, app: ScriptedApp
) -> None:
    async def asks_twice(execution: Execution) -> ExecutionResult:
        task_id = await ask(
            execution, "first", FETCH, {"retry": {"503": {"strategy": "backoff", "minTimeoutInMs": 9e6}}}
        )
        await app.happened("ask again")
        await ask(execution, "first", FETCH, {"retry": {"503": {"strategy": "backoff", "minTimeoutInMs": 9e6}}})
        assert task_id is not None
        return Suspended((task_id,))

    async def asks(execution: Execution) -> ExecutionResult:
        task_id = await ask(execution, "other", FETCH, {})
        return Succeeded(None) if task_id is None else Suspended((task_id,))

    interrupted = InterruptedStorage(storage)
    requester = Answers(answer(status=503), answer())
    app.job("asks_twice", asks_twice).job("asks", asks)
    settings = Settings(max_fetches=1)
    async with world(interrupted, app, requester=requester, settings=settings) as it:  # type: ignore[arg-type]
        await it.send("asks_twice")
        first = await it.only_run()
        await it.see(first, lambda run: bool(run.tasks) and run.tasks[0].attempts == 2)
        await until(lambda: not it.node.operations.at_work())
        came: list[str] = []

        async def another_comes(name: str) -> None:
            if name == "store_operation" and not came:
                came.append(name)
                await it.send("asks")
                await until(lambda: it.node.operations._has_backlog)

        interrupted.earlier = another_comes
        app.signal("ask again")
        await it.reach(first, RunStatus.WAITING_TO_CONTINUE)
        (other,) = [run_id for run_id in await it.run_ids() if run_id != first]

        assert (await it.ended(other)).status is RunStatus.SUCCESS
        assert came


async def test_requests_taken_by_a_commit_of_which_nobody_knows_are_made_at_once(
    storage: Storage, app: ScriptedApp
) -> None:
    async def asks(execution: Execution) -> ExecutionResult:
        task_id = await ask(
            execution, "fetch", FETCH, {"retry": {"503": {"strategy": "backoff", "minTimeoutInMs": 5000}}}
        )
        return Succeeded(None) if task_id is None else Suspended((task_id,))

    failing = FailingStorage(storage)
    requester = Answers(answer(status=503), answer())
    async with world(failing, app.job("asks", asks), requester=requester) as it:  # type: ignore[arg-type]
        await it.send("asks")
        run_id = await it.only_run()
        await it.see(run_id, lambda run: bool(run.tasks) and run.tasks[0].attempts == 2)
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        failing.after.add("take_due")
        it.clock.advance(20)
        await failing.failed.wait()
        failing.after.clear()
        it.clock.advance(1)

        assert (await it.ended(run_id)).status is RunStatus.SUCCESS
        assert len(requester.requests) == 2
