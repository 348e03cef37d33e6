"""Requests that the engine makes: each at least once, each result stored once, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from perdure.config.settings import Settings
from perdure.engine.attempts import MAX_BEGUN
from perdure.engine.operations import LEASE_MARGIN
from perdure.errors import FetchFailedError, FetchTimeoutError, InvalidArgumentError
from perdure.protocol.execution import ErrorInfo, ExecutionResult, Failed, Succeeded, Suspended
from perdure.protocol.operations import FETCH
from perdure.protocol.runs import RunAnswer
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.fetching import ask, fetches
from tests.engine.requester import Answers, answer
from tests.engine.storages import FailingStorage
from tests.engine.world import World, check_invariants, kill, start, world


async def started(it: World) -> str:
    """Start the job; its run."""
    await it.send("job")
    return await it.only_run()


def came_to(run: RunAnswer) -> list[str]:
    """What the requests of an ended run came to."""
    assert (run.status, run.error) == (RunStatus.SUCCESS, None)
    results: list[str] = json.loads(str(run.output))
    return results


async def attempt(it: World, run_id: str, number: int) -> str:
    """Wait until the first task of a run is at this attempt; the task's id."""
    run = await it.see(run_id, lambda run: bool(run.tasks) and run.tasks[0].attempts == number)
    return run.tasks[0].id


async def at_rest(it: World) -> None:
    """Wait until no request of a node is under way."""
    async with asyncio.timeout(60):
        while True:
            if not it.node.operations.at_work():
                return
            await asyncio.sleep(0)


async def test_the_body_of_the_answer_is_the_output_of_the_task(storage: Storage, app: ScriptedApp) -> None:
    requester = Answers(answer('{ "n": 1 }'))
    async with world(storage, app.job("job", fetches()), requester=requester) as it:
        run = await it.ended(await started(it))
        assert came_to(run) == ['{ "n": 1 }']
        assert await it.query("list_operations_kept") == []
    assert len(requester.requests) == 1
    assert requester.is_closed


async def test_the_request_carries_the_key_of_its_task_each_time(storage: Storage, app: ScriptedApp) -> None:
    requester = Answers(answer(status=503), answer(status=503), answer())
    retry = {"503": {"strategy": "backoff", "minTimeoutInMs": 0}}
    async with world(storage, app.job("job", fetches(retry=retry)), requester=requester) as it:
        run_id = await started(it)
        for number in (1, 2):
            await requester.arrived(number)
            await attempt(it, run_id, number + 1)
            it.clock.advance(2)
        await it.ended(run_id)
    keys = {dict(request.headers)["Idempotency-Key"] for request in requester.requests}
    assert len(requester.requests) == 3
    assert keys == {app.executions[0].record("fetch").key}


async def test_a_key_of_the_callers_own_is_left_alone(storage: Storage, app: ScriptedApp) -> None:
    requester = Answers(answer())
    job = fetches(requestInit={"headers": {"idempotency-key": "mine"}})
    async with world(storage, app.job("job", job), requester=requester) as it:
        await it.ended(await started(it))
    assert requester.requests[0].headers == (("idempotency-key", "mine"),)


async def test_a_failed_attempt_is_recorded_and_the_next_is_made_when_it_is_due_and_not_before(
    storage: Storage, app: ScriptedApp
) -> None:
    requester = Answers(answer('{"why": "busy"}', status=503), answer("2"))
    retry = {"5xx": {"strategy": "backoff", "minTimeoutInMs": 3000, "randomize": False}}
    async with world(storage, app.job("job", fetches(retry=retry)), requester=requester) as it:
        run_id = await started(it)
        ((number, error),) = await it.query("list_attempts", await attempt(it, run_id, 2))
        assert number == 1
        assert json.loads(str(error))["message"] == "background_fetch 'fetch' failed: the answer has status 503."
        it.clock.advance(2.999)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(requester.requests) == 1
        it.clock.advance(0.001)
        assert came_to(await it.ended(run_id)) == ["2"]


async def test_what_gets_no_answer_is_tried_three_times(storage: Storage, app: ScriptedApp) -> None:
    requester = Answers(FetchFailedError("There is no connection."))
    async with world(storage, app.job("job", fetches()), requester=requester) as it:
        run_id = await started(it)
        for number in (2, 3):
            await attempt(it, run_id, number)
            it.clock.advance(2)
        run = await it.ended(run_id)
    assert came_to(run) == ["FetchFailedError: background_fetch 'fetch' failed: There is no connection."]
    assert len(requester.requests) == 3


async def test_a_timeout_is_retried_as_the_call_says(storage: Storage, app: ScriptedApp) -> None:
    requester = Answers(FetchTimeoutError("It took too long."))
    timeout = {"durationInMs": 7000, "retry": {"limit": 2, "minTimeoutInMs": 1000, "randomize": False}}
    async with world(storage, app.job("job", fetches(timeout=timeout)), requester=requester) as it:
        run_id = await started(it)
        await attempt(it, run_id, 2)
        it.clock.advance(1)
        run = await it.ended(run_id)
    assert came_to(run) == ["FetchTimeoutError: background_fetch 'fetch' failed: It took too long."]
    assert [request.timeout for request in requester.requests] == [7, 7]


async def test_no_more_requests_are_under_way_than_the_setting_says_and_waits_end_in_time(
    storage: Storage, app: ScriptedApp
) -> None:
    keys = [f"k{number}" for number in range(20)]

    async def naps(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 0.3)
        return Succeeded(None) if nap is None else Suspended((nap,))

    app.job("job", fetches(*keys)).job("naps", naps)
    requester = Answers(answer())
    requester.hangs = True
    async with world(storage, app, requester=requester, settings=Settings(max_fetches=3)) as it:
        await it.send("job")
        run_id = await it.only_run()
        await requester.arrived(3)
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        await it.send("naps")
        (nap,) = [one for one in await it.run_ids() if one != run_id]
        await it.reach(nap, RunStatus.WAITING_TO_CONTINUE)
        await it.advance(0.3, nap, RunStatus.SUCCESS)
        requester.let_go()
        assert came_to(await it.ended(run_id)) == ["1"] * 20
    assert requester.most == 3
    assert len(requester.requests) == 20


@pytest.mark.parametrize("how", ["cancelled", "failed", "succeeded"])
async def test_the_requests_of_a_run_that_has_ended_are_cut(storage: Storage, app: ScriptedApp, how: str) -> None:
    async def gives_up(execution: Execution) -> ExecutionResult:
        waiting = await ask(execution, "fetch", FETCH, {})
        await app.happened("give up")
        if how == "cancelled":
            assert waiting is not None
            return Suspended((waiting,))
        return Succeeded(None) if how == "succeeded" else Failed(ErrorInfo("Error", "given up"))

    requester = Answers(answer())
    requester.hangs = True
    async with world(storage, app.job("job", gives_up), requester=requester) as it:
        run_id = await started(it)
        await requester.arrived(1)
        app.signal("give up")
        if how == "cancelled":
            await it.platform.cancel_run(run_id)
        await it.ended(run_id)
        await at_rest(it)
        (task,) = (await it.platform.get_run(run_id)).tasks
        assert task.status is (TaskStatus.ERRORED if how == "failed" else TaskStatus.CANCELED)
        assert await it.query("list_operations_kept") == []


async def test_a_node_that_stops_cuts_its_requests_and_the_next_makes_them_again(
    storage: Storage, app: ScriptedApp
) -> None:
    app.job("job", fetches())
    for seed in range(MAX_BEGUN + 2):
        hanging = Answers(answer())
        hanging.hangs = True
        async with world(storage, app, seed=seed, requester=hanging) as it:
            if seed == 0:
                await it.send("job")
            await hanging.arrived(1)
            run_id = await it.only_run()
    async with world(storage, app, seed=100, requester=Answers(answer("7"))) as it:
        assert came_to(await it.ended(run_id)) == ["7"]


async def test_what_a_dead_node_was_at_is_done_again_at_once(storage: Storage, app: ScriptedApp) -> None:
    app.job("job", fetches("a", "b"))
    hanging = Answers(answer())
    hanging.hangs = True
    it = await start(storage, app, requester=hanging, seed=1)
    run_id = await started(it)
    await hanging.arrived(2)
    await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
    await kill(it)

    async with world(storage, app, seed=2, requester=Answers(answer("7"))) as it:
        assert came_to(await it.ended(run_id)) == ["7", "7"]


async def test_an_answer_that_kills_each_node_is_given_up(storage: Storage, app: ScriptedApp) -> None:
    app.job("job", fetches())
    for seed in range(MAX_BEGUN):
        deadly = Answers(answer())
        deadly.hangs = True
        it = await start(storage, app, requester=deadly, seed=seed)
        if seed == 0:
            await it.send("job")
        await deadly.arrived(1)
        await it.reach(await it.only_run(), RunStatus.WAITING_TO_CONTINUE)
        await kill(it)
    async with world(storage, app, seed=100, requester=Answers(answer())) as it:
        (result,) = came_to(await it.ended(await it.only_run()))
    assert result.startswith("FetchFailedError: background_fetch 'fetch' failed: it was begun 10 times")


async def test_on_a_shared_database_another_node_takes_over_when_the_first_counts_as_dead(
    storage: Storage, app: ScriptedApp
) -> None:
    app.job("job", fetches(timeout={"durationInMs": 30_000}))
    hanging = Answers(answer())
    hanging.hangs = True
    # One that sweeps might find its own request first, and would then keep it.
    never = Settings(sweep_interval=timedelta(days=1))
    first = await start(storage, app, requester=hanging, seed=1, shares_database=True, settings=never)
    run_id = await started(first)
    await hanging.arrived(1)
    await first.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
    other = Answers(answer("7"))
    second = await start(storage, app, requester=other, seed=2, shares_database=True)
    first.clock.advance(30 + LEASE_MARGIN.total_seconds() - 0.001)
    for _ in range(50):
        await asyncio.sleep(0)
    assert other.requests == []

    first.clock.advance(0.001)
    await other.arrived(1)
    run = await second.ended(run_id)
    assert came_to(run) == ["7"]
    # The first one was not dead after all; its answer comes late and changes nothing.
    hanging.let_go()
    await at_rest(first)
    assert (await second.platform.get_run(run_id)).output == run.output
    for node in (first.node, second.node):
        await node.stop(grace=timedelta())
    await check_invariants(storage)


@pytest.mark.parametrize("status", [200, 503])
async def test_what_comes_of_a_request_is_stored_once_the_database_can_and_the_request_not_repeated(
    storage: Storage, app: ScriptedApp, status: int
) -> None:
    failing = FailingStorage(storage)
    requester = Answers(answer("1", status=status), answer("2"))
    requester.hangs = True
    retry = {"503": {"strategy": "backoff", "minTimeoutInMs": 0}}
    async with world(failing, app.job("job", fetches(retry=retry)), requester=requester) as it:
        run_id = await started(it)
        await requester.arrived(1)
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        failing.before |= {"wake_and_claim", "put_off"}
        requester.let_go()
        await asyncio.wait_for(failing.failed.wait(), 10)
        failing.before.clear()
        # How long it waits until it tries again is its own affair.
        run = await it.see(run_id, lambda run: it.clock.advance(1) is None and run.status.is_final)
    assert came_to(run) == ["1" if status == 200 else "2"]
    assert len(requester.requests) == (1 if status == 200 else 2)


async def test_a_task_whose_storing_is_in_doubt_is_worked_on_all_the_same(storage: Storage, app: ScriptedApp) -> None:
    failing = FailingStorage(storage)
    failing.after.add("store_operation")
    requester = Answers(answer("7"))
    app.job("job", fetches())

    async def persists(execution: Execution) -> ExecutionResult:
        if execution.epoch == 1:
            with pytest.raises(Exception, match="cannot take writes"):
                await ask(execution, "fetch", FETCH, {})
            failing.after.clear()
            return Suspended((execution.task_id("fetch"),))
        return Succeeded(None) if execution.is_over("fetch") else Suspended((execution.task_id("fetch"),))

    async with world(failing, app.job("job", persists), requester=requester) as it:
        run_id = await started(it)
        assert (await it.ended(run_id)).status is RunStatus.SUCCESS
        assert (await it.platform.get_run(run_id)).tasks[0].output == "7"
    assert len(requester.requests) == 1


async def test_secrets_are_kept_encrypted_and_only_until_the_task_has_ended(storage: Storage, app: ScriptedApp) -> None:
    requester = Answers(answer())
    requester.hangs = True
    secrets = '{"headers": {"Authorization": "Bearer hush"}, "url": "https://api.example/?token=hush"}'
    job = fetches(secrets=secrets, requestInit={"headers": {"Authorization": "Bearer ***"}})
    async with world(storage, app.job("job", job), requester=requester) as it:
        run_id = await started(it)
        await requester.arrived(1)
        ((kept,),) = await it.query("list_operations_kept")
        assert isinstance(kept, bytes)
        assert b"hush" not in kept
        assert kept != b""
        requester.let_go()
        run = await it.ended(run_id)
        assert await it.query("list_operations_kept") == []
        assert "hush" not in str((await it.platform.get_run(run_id), run))
    (request,) = requester.requests
    assert request.url == "https://api.example/?token=hush"
    assert dict(request.headers)["Authorization"] == "Bearer hush"
    assert request.secret_headers == ("authorization",)
    assert "hush" not in repr(request)


async def test_secrets_that_another_key_has_encrypted_fail_the_task(storage: Storage, app: ScriptedApp) -> None:
    hanging = Answers(answer())
    hanging.hangs = True
    app.job("job", fetches(secrets='{"headers": {"A": "hush"}}'))
    it = await start(storage, app, requester=hanging, seed=1)
    run_id = await started(it)
    await hanging.arrived(1)
    await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
    await kill(it)
    async with world(storage, app, seed=2, requester=Answers(answer())) as it:
        (result,) = came_to(await it.ended(run_id))
    assert "cannot be decrypted with this key. PERDURE_SECRET_KEY, or the key file, has changed." in result


async def test_a_defect_fails_the_task_and_is_in_the_log(
    storage: Storage, app: ScriptedApp, caplog: pytest.LogCaptureFixture
) -> None:
    requester = Answers(ZeroDivisionError())
    async with world(storage, app.job("job", fetches()), requester=requester) as it:
        (result,) = came_to(await it.ended(await started(it)))
    assert (
        result == "FetchFailedError: background_fetch 'fetch' failed: ZeroDivisionError in the node; its log has more."
    )
    assert "cannot be attempted" in caplog.text


async def test_params_that_say_nothing_are_refused_before_anything_is_stored(
    storage: Storage, app: ScriptedApp
) -> None:
    async def wrong(execution: Execution) -> ExecutionResult:
        for params in ({"url": 7}, {"timeout": "soon"}, {"retry": {"429": {"strategy": "hope"}}}):
            with pytest.raises(InvalidArgumentError):
                await ask(execution, "fetch", FETCH, params)
        with pytest.raises(InvalidArgumentError, match="Unknown operation: fly"):
            await ask(execution, "fetch", "fly", {})
        return Succeeded(None)

    async with world(storage, app.job("job", wrong), requester=Answers(answer())) as it:
        run_id = await started(it)
        assert (await it.ended(run_id)).status is RunStatus.SUCCESS
        assert (await it.platform.get_run(run_id)).tasks == ()


async def test_a_body_too_long_to_be_read_at_once_is_read_all_the_same(storage: Storage, app: ScriptedApp) -> None:
    text = json.dumps(["x" * 100] * 2000)
    async with world(storage, app.job("job", fetches()), requester=Answers(answer(text))) as it:
        assert came_to(await it.ended(await started(it))) == [text]


async def test_the_time_of_a_request_counts_as_time_of_its_run(storage: Storage, app: ScriptedApp) -> None:
    requester = Answers(answer())
    requester.hangs = True
    async with world(storage, app.job("job", fetches()), requester=requester) as it:
        run_id = await started(it)
        await requester.arrived(1)
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        it.clock.advance(4.5)
        requester.let_go()
        await it.ended(run_id)
        assert await it.query("find_execution_time", run_id) == [(4500,)]
