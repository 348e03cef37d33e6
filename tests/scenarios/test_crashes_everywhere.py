"""Runs of every shape come out the same wherever their process dies: see `perdure.testing.crashes`."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from perdure import IO, Client, Context, Retry, RetryAt, event_trigger, invoke_trigger
from perdure.errors import FetchFailedError, InvokedRunFailedError, WaitTimeoutError
from perdure.testing import Env, EnvRun
from tests.scenarios.requests import post
from tests.scenarios.target import Reply, target

pytestmark = pytest.mark.crash_everywhere

client = Client(id="mortal")


def job(name: str, **options: Any) -> Any:
    return client.job(**({"id": name, "version": "1.0.0", "trigger": invoke_trigger()} | options))


@pytest.fixture(params=["sticky", "replay"])
def env(request: pytest.FixtureRequest, perdure_env: Env) -> Env:
    """An environment in each way of running."""
    perdure_env.force_replay = request.param == "replay"
    return perdure_env


async def finish(env: Env, job: Any, payload: Any = None) -> EnvRun:
    """Run a job to its end, however long it waits."""
    run = await env.invoke(job, payload)
    await env.advance(days=30)
    assert run.status == "SUCCESS", run.error
    return run


class Receipt(BaseModel):
    number: int


@job("steps")
async def steps(payload: Any, io: IO) -> list[Any]:
    async def load() -> Receipt:
        return Receipt(number=1)

    def add(task: Any) -> int:
        return 2

    receipt = await io.run_task("load", load)
    await io.logger.info("loaded", receipt)
    await io.wait("⏰", timedelta(days=3))
    return [receipt.number, await io.run_task("add", add), str(await io.uuid("uuid")), await io.random(max=10)]


async def test_tasks_one_after_the_other(env: Env) -> None:
    run = await finish(env, steps)
    assert [line.message for line in run.logs] == ["loaded"]


@job("nested")
async def nested(payload: Any, io: IO) -> list[str]:
    async def middle(task: Any, io: IO) -> str:
        async def inner(task: Any, io: IO) -> str:
            await io.wait("wait", 60)
            await io.logger.info("inside")
            return await io.run_task("innermost", lambda: "in")

        first = await io.run_task("inner", inner)
        await io.wait("between", 60)
        return first + await io.run_task("second", lambda: "out")

    return [await io.run_task("outer", middle), await io.run_task("after", lambda: "after")]


async def test_tasks_inside_tasks(env: Env) -> None:
    run = await finish(env, nested)
    assert run.output == ["inout", "after"]
    assert len(run.logs) == 1


@job("branches")
async def branches(payload: Any, io: IO) -> list[Any]:
    async def branch(name: str, seconds: float) -> str:
        await io.wait(f"wait {name}", seconds)
        return await io.run_task(f"task {name}", lambda: name)

    async def item(days: int, index: int) -> int:
        await io.wait(f"{days} days", timedelta(days=days))
        return days

    gathered = await asyncio.gather(branch("a", 5), branch("b", 1), io.run_task("c", lambda: "c"))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(branch(name, 2)) for name in "xy"]
    return [gathered, [task.result() for task in tasks], await io.parallel("days", [2, 1], item)]


async def test_branches_that_wait_and_work(env: Env) -> None:
    run = await finish(env, branches)
    assert run.output == [["a", "b", "c"], ["x", "y"], [2, 1]]


@job("retried")
async def retried(payload: Any, io: IO) -> list[Any]:
    async def flaky(task: Any, io: IO) -> int:
        inner = await io.run_task("inner", lambda: 10)
        if task.attempt < 3:
            raise ConnectionError(f"attempt {task.attempt}")
        return inner + task.attempt

    def limited(task: Any) -> int:
        if task.attempt == 1:
            raise TimeoutError
        return task.attempt

    async def later(error: Exception, task: Any, io: IO) -> RetryAt:
        return RetryAt(await io.run_task("when", lambda: "2100-01-01T00:00:00Z", as_type=Any) and begun)

    begun = await io.now("begun") + timedelta(days=1)
    try:
        await io.run_task("hopeless", lambda: 1 / 0, retry=Retry(limit=2))
    except ZeroDivisionError as error:
        failed = str(error)
    return [
        failed,
        await io.run_task("flaky", flaky, retry=Retry(limit=3, min_timeout=3600, max_timeout=7200)),
        await io.run_task("limited", limited, on_error=later),
    ]


async def test_bodies_that_fail(env: Env) -> None:
    run = await finish(env, retried)
    assert run.output == ["division by zero", 13, 2]


@job("state")
async def state(payload: Any, io: IO) -> list[Any]:
    await io.store.job.set("set", "counter", (await io.store.job.get("get", "counter") or 0) + 1)
    await io.store.env.set("other", "name", "Ada")
    deleted = await io.store.env.delete("delete", "name")
    status = await io.create_status("status", label="begun", state="loading")
    await io.wait("wait", 10)
    status = await status.update("done", label="done", state="success")
    return [deleted, await io.store.job.get("again", "counter"), status.label]


async def test_stored_values_and_statuses(env: Env) -> None:
    run = await finish(env, state)
    assert run.output == [True, 1, "done"]
    assert [status.label for status in run.statuses] == ["done"]


@job("parent")
async def parent(payload: Any, io: IO, ctx: Context) -> list[Any]:
    child = await io.invoke("child", "child", {"of": ctx.run.id})
    events = await io.send_events("send", [{"name": "told", "payload": number} for number in range(2)])
    later = await io.send_event("later", name="told", payload=2, deliver_after=3600)
    return [child.id, [event.id for event in events], later.id]


@job("child")
async def child(payload: dict[str, str], io: IO) -> str:
    return await io.run_task("of", lambda: payload["of"])


@job("told", trigger=event_trigger("told"))
async def told(payload: int, io: IO) -> int:
    await io.wait("wait", payload)
    return payload


async def test_runs_that_a_run_starts(env: Env) -> None:
    run = await finish(env, parent)
    assert [one.output for one in await env.runs(child)] == [run.id]
    assert sorted(one.output for one in await env.runs(told)) == [0, 1, 2]


@job("waiting")
async def waiting(payload: Any, io: IO) -> list[Any]:
    event = await io.wait_for_event("event", name="answer", schema=Receipt)
    try:
        await io.wait_for_event("nothing", name="silence", timeout=60)
    except WaitTimeoutError:
        return [event.payload.number, event.name, event.id]
    return []


async def test_events_that_are_waited_for(env: Env) -> None:
    run = await env.invoke(waiting)
    await env.emit("answer", {"number": 7}, id="answer-1")
    await env.advance(hours=1)
    assert run.output == [7, "answer", "answer-1"]


urls: list[str] = []


@job("requested")
async def requested(payload: Any, io: IO) -> list[Any]:
    first = await io.wait_for_request("request", urls.append, as_type=Receipt)
    return [first.number, await io.run_task("callback", lambda task: urls.append(task.callback_url), callback=3600)]


async def test_requests_that_are_waited_for(env: Env) -> None:
    run = await env.invoke(requested)
    for value in ({"number": 5}, "thanks"):
        assert (await post(urls[-1], value)).status == 200
        await env.settle()
    assert run.output == [5, "thanks"]


@job("yielding")
async def yielding(payload: Any, io: IO) -> int:
    total = 0
    for number in range(3):
        total += await io.run_task(["part", number], lambda number=number: number)
        await io.yield_execution(f"after {number}")
    return total


async def test_executions_that_end_early(env: Env) -> None:
    assert (await finish(env, yielding)).output == 3


async def test_many_runs_at_once(env: Env) -> None:
    await client.send_events([{"name": "told", "payload": number} for number in range(5)])
    await env.settle()
    await env.advance(seconds=10)
    assert [run.output for run in await env.runs(told)] == [0, 1, 2, 3, 4]


async def test_a_run_that_is_cancelled(env: Env) -> None:
    run = await env.invoke(nested)
    await client.cancel_run(run.id)
    await env.settle()
    assert run.status == "CANCELED"


@job("waits-for-runs")
async def waits_for_runs(payload: Any, io: IO) -> list[Any]:
    one = await io.invoke_and_wait("one", told, 5)
    try:
        await io.invoke_and_wait("failing", "failing", timeout=None)
    except InvokedRunFailedError as error:
        failed = error.status
    return [one, failed, await io.batch_invoke_and_wait("many", told, [3, 1, 2])]


@job("failing")
async def failing(payload: Any, io: IO) -> None:
    await io.wait("before it fails", 60)
    raise ValueError("no")


async def test_runs_that_a_run_waits_for(env: Env) -> None:
    run = await finish(env, waits_for_runs)
    assert run.output == [5, "FAILURE", [3, 1, 2]]
    assert len(await env.runs(told)) == 4


ended: set[tuple[str, bool]] = set()


@job(
    "watched",
    on_success=lambda notification: ended.add((notification.run.id, notification.ok)),
    on_failure=lambda notification: ended.add((notification.run.id, notification.ok)),
)
async def watched(payload: bool, io: IO) -> bool:
    await io.run_task("body", lambda: None)
    if not payload:
        raise ValueError("not well")
    return payload


async def test_hooks_are_called_for_each_run(env: Env) -> None:
    ended.clear()
    good, bad = await env.invoke(watched, True), await env.invoke(watched, False)
    assert ended == {(good.id, True), (bad.id, False)}


@job("one-by-one", concurrency_limit=1)
async def one_by_one(payload: int, io: IO) -> int:
    await io.run_task("body", lambda: None)
    await io.wait("wait", 10)
    return payload


async def test_runs_that_stand_aside_for_others(env: Env) -> None:
    handles = [await client.invoke(one_by_one, number) for number in range(3)]
    await env.settle()
    await env.advance(minutes=1)
    assert [(await env.run(handle.id)).output for handle in handles] == [0, 1, 2]


async def test_requests_that_the_platform_makes(env: Env) -> None:
    async def fetching(payload: Any, io: IO) -> list[Any]:
        pause = {"strategy": "backoff", "limit": 3, "min_timeout": 60, "randomize": False}
        found = await io.background_fetch("fetch", service.url("/thing"), as_type=Receipt)
        try:
            await io.background_fetch("failing", service.url("/busy"), retry={"5xx": pause})
        except FetchFailedError as error:
            failed = error.status
        polled = await io.background_poll(
            "poll", service.url("/thing"), interval=60, response_filter={"body": {"number": [5]}}
        )
        response = await io.background_fetch_response("response", service.url("/thing"))
        return [found.number, failed, polled, response.status]

    async def until_suspended() -> None:
        # An answer that is quicker than the run's code would leave out a suspension, and the crash points there.
        while any(  # noqa: ASYNC110
            run.status == "EXECUTING" for run in (await fetcher.get_runs("fetching")).runs
        ):
            await asyncio.sleep(0)

    fetcher = Client(id="fetcher")
    fetcher.job(id="fetching", version="1.0.0", trigger=invoke_trigger())(fetching)
    env.use(fetcher)
    async with target(thing=Reply({"number": 5}), busy=Reply("busy", status=503)) as service:
        service.before_answer = until_suspended
        run = await finish(env, "fetching")
    assert run.output == [5, 503, {"number": 5}, 200]
