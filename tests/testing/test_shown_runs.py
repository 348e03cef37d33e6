"""Runs in the environment of a test: what is shown of them, and which are named when they do not come to rest."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import IO
from perdure.errors import NotFoundError, NotSettledError, UnmetExpectationError
from perdure.testing import Env
from tests.testing.shop import a_client, client, order, welcome


async def test_the_only_run_is_the_only_one(perdure_env: Env) -> None:
    with pytest.raises(UnmetExpectationError, match=r"There is no run, where one was expected\..*none at all"):
        await perdure_env.only_run()
    first = await perdure_env.invoke(order, {"minutes": []})
    assert (await perdure_env.only_run(order)).id == first.id
    with pytest.raises(UnmetExpectationError, match=f"no run of job 'welcome'.*{first.id} of 'order' .SUCCESS."):
        await perdure_env.only_run("welcome")
    second = await perdure_env.invoke(order, {"minutes": [1]})
    with pytest.raises(UnmetExpectationError, match=f"2 runs of job 'order'.*{first.id}.*{second.id} of 'order'"):
        await perdure_env.only_run("order")
    with pytest.raises(NotFoundError):
        await perdure_env.run("run_x")


async def test_a_task_that_is_not_there_is_told_with_those_that_are(perdure_env: Env) -> None:
    run = await perdure_env.invoke(welcome, {"name": "Ada"})
    await perdure_env.advance(days=30)
    with pytest.raises(UnmetExpectationError, match="has no task 'inner'; it has '⏰', 'outer', 'outer/inner'"):
        run.task("inner")


async def test_a_run_with_many_tasks_is_shown_with_all_of_them(perdure_env: Env) -> None:
    async def many(payload: Any, io: IO) -> None:
        for number in range(120):
            await io.run_task(["task", number], lambda: None)

    perdure_env.use(a_client(many))
    run = await perdure_env.invoke("other")
    assert [task.key for task in run.tasks] == [f"task-{number}" for number in range(120)]
    assert run.task(["task", 119]).status == "COMPLETED"


async def test_a_run_that_fails_shows_its_error(perdure_env: Env) -> None:
    async def fail(payload: Any, io: IO) -> None:
        raise ValueError("no")

    perdure_env.use(a_client(fail))
    run = await perdure_env.invoke("other")
    assert run.status == "FAILURE"
    assert run.error is not None
    assert (run.error.name, run.error.message) == ("ValueError", "no")


async def test_runs_that_do_not_come_to_rest_are_named_with_what_they_do(perdure_env: Env) -> None:
    async def stuck(payload: Any, io: IO) -> None:
        async def body() -> None:
            await asyncio.Event().wait()

        await io.run_task("never", body)

    perdure_env.use(a_client(stuck))
    perdure_env.patience = 0.05
    with pytest.raises(
        NotSettledError, match=r"After 0.05 s .*run_\w+ of job 'other' is at work in the body of 'never'"
    ):
        await perdure_env.invoke("other")


async def test_runs_that_await_something_else_are_named_too(perdure_env: Env) -> None:
    async def stuck(payload: Any, io: IO) -> None:
        await asyncio.Event().wait()

    perdure_env.use(a_client(stuck))
    perdure_env.patience = 0.05
    with pytest.raises(NotSettledError, match="is at work outside every task"):
        await perdure_env.invoke("other")


async def test_more_runs_than_execute_at_once_come_to_rest_together(perdure_env: Env) -> None:
    for count in (1000, 50):
        await client.send_events(
            [{"name": "user.created", "payload": {"name": str(number)}} for number in range(count)]
        )
    await perdure_env.advance(days=30)
    assert {run.status for run in await perdure_env.runs()} == {"SUCCESS"}


async def test_a_run_that_was_shown_is_brought_up_to_date(perdure_env: Env) -> None:
    run = await perdure_env.invoke(order, {"minutes": [1]})
    again = await perdure_env.only_run()
    await client.cancel_run(run.id)
    assert run.status == "WAITING_TO_CONTINUE"
    await perdure_env.settle()
    assert run.status == "CANCELED"
    assert again is run
