"""Jobs that are plain functions, in the environment of a test."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from perdure import Client, Retry, SyncIO, invoke_trigger
from perdure.errors import CrashSafetyError, NotSettledError
from perdure.testing import Env
from perdure.testing.crashes import crash_everywhere

client = Client(id="plain")


@client.job(id="plain", version="1.0.0", trigger=invoke_trigger())
def plain(payload: Any, io: SyncIO) -> list[Any]:
    def flaky(task: Any) -> int:
        if task.attempt == 1:
            raise ConnectionError
        return task.attempt

    def outer(task: Any, io: SyncIO) -> str:
        io.wait("inner wait", 60)
        return io.run_task("inner", lambda: "inner")

    def item(number: int, index: int) -> int:
        io.wait(["wait", number], timedelta(days=number))
        return io.run_task(["item", number], lambda: number)

    io.logger.info("begun")
    io.wait("⏰", timedelta(days=30))
    io.store.job.set("set", "name", "Ada")
    return [
        io.run_task("flaky", flaky, retry=Retry(limit=2)),
        io.run_task("outer", outer),
        io.parallel("items", [2, 1], item),
        str(io.uuid("uuid")),
        io.store.job.get("get", "name"),
    ]


@pytest.fixture(params=["sticky", "replay"])
def env(request: pytest.FixtureRequest, perdure_env: Env) -> Env:
    """An environment in each way of running."""
    perdure_env.force_replay = request.param == "replay"
    return perdure_env


@pytest.mark.crash_everywhere
async def test_a_plain_job_survives_a_crash_at_each_of_its_points(env: Env) -> None:
    run = await env.invoke(plain)
    assert run.status == "WAITING_TO_CONTINUE"
    await env.advance(days=40)
    assert run.status == "SUCCESS", run.error
    assert run.output[:3] == [2, "inner", [2, 1]]


async def test_tasks_of_a_plain_job_are_faked(env: Env) -> None:
    async def answer(params: Any) -> int:
        return 7

    env.fake("⏰", None)
    env.fake("flaky", answer)
    env.fake("outer/inner", lambda params: "faked")
    env.fake("outer/inner wait", None)
    env.fake("items", [1])
    env.fake("uuid", "00000000-0000-0000-0000-000000000000")
    env.fake("get", "Bo")
    run = await env.invoke(plain)
    assert run.output == [7, "faked", [1], "00000000-0000-0000-0000-000000000000", "Bo"]


async def test_a_fake_fails_a_task_of_a_plain_job(env: Env) -> None:
    env.fake("⏰", ValueError("no time"))
    run = await env.invoke(plain)
    assert run.error is not None
    assert (run.error.name, run.error.message) == ("ValueError", "no time")


async def test_a_plain_job_that_counts_outside_of_tasks_is_found_out() -> None:
    app = Client(id="app")
    executions: list[int] = []

    @app.job(id="count", version="1.0.0", trigger=invoke_trigger())
    def count(payload: Any, io: SyncIO) -> int:
        executions.append(1)
        io.run_task("body", lambda: None)
        return len(executions)

    env = Env(app)

    async def call() -> None:
        executions.clear()
        await env.invoke("count")

    with pytest.raises(CrashSafetyError, match="changes the outcome"):
        await crash_everywhere(env, call)


async def test_a_plain_body_that_does_not_end_is_named(env: Env) -> None:
    going = threading.Event()
    app = Client(id="app")

    @app.job(id="stuck", version="1.0.0", trigger=invoke_trigger())
    def stuck(payload: Any, io: SyncIO) -> None:
        io.run_task("body", lambda: going.wait(10))

    env.use(app)
    env.patience = 0.1
    with pytest.raises(NotSettledError, match="in the body of 'body'"):
        await env.invoke("stuck")
    going.set()
    env.patience = 10
    await env.settle()
