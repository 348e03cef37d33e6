"""The environment of a test: which clients it hosts, and what it gives them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from perdure import IO, Client, event_trigger
from perdure.errors import DuplicateJobError, InvalidArgumentError, NotConnectedError, NotSettledError, PerdureError
from perdure.testing import Env
from tests.testing.shop import a_client, client, order, welcome


async def test_an_event_has_what_it_is_given(perdure_env: Env) -> None:
    event = await perdure_env.emit("nobody.listens", {"a": 1}, id="e1", context={"b": 2}, account_id="acme")
    assert (event.id, event.payload, event.context, event.account_id) == ("e1", {"a": 1}, {"b": 2}, "acme")
    assert event.timestamp == perdure_env.now


async def test_the_client_works_in_a_test_as_it_does_in_an_app(perdure_env: Env) -> None:
    handle = await client.invoke(order, {"minutes": []})
    assert await handle.result() == []
    await client.send_event(name="user.created", payload={"name": "Bo"})
    await asyncio.to_thread(client.sync.send_event, name="user.created", payload={"name": "Cy"})
    await perdure_env.settle()
    assert [run.status for run in await perdure_env.runs(welcome)] == ["WAITING_TO_CONTINUE"] * 2
    assert (await perdure_env.run(handle.id)).status == "SUCCESS"


async def test_waiting_for_a_result_that_needs_time_says_so(perdure_env: Env) -> None:
    handle = await client.invoke(order, {"minutes": [1]})
    perdure_env.patience = 0.01
    with pytest.raises(NotSettledError, match=r"let that pass: await env.advance"):
        await handle.result()
    with pytest.raises(TimeoutError):
        await handle.result(timeout=0.01)


async def test_a_run_that_ends_while_somebody_waits_for_it_wakes_him(perdure_env: Env) -> None:
    handle = await client.invoke(order, {"minutes": [1]})
    waiting = asyncio.create_task(handle.result())
    await perdure_env.advance(minutes=1)
    assert len(await waiting) == 1


async def test_another_client_may_be_used_before_and_after_the_first_event(perdure_env: Env) -> None:
    async def other(payload: Any, io: IO) -> str:
        return "other"

    await perdure_env.emit("user.created", {"name": "Ada"})
    perdure_env.use(a_client(other, trigger=event_trigger("user.created")))
    perdure_env.use(client)
    await perdure_env.emit("user.created", {"name": "Bo"})
    assert [run.output for run in await perdure_env.runs("other")] == ["other"]
    assert len(await perdure_env.runs("welcome")) == 2


async def test_a_job_id_that_two_clients_have_is_refused(perdure_env: Env) -> None:
    async def run(payload: Any, io: IO) -> None: ...

    perdure_env.use(a_client(run, id="welcome"))
    with pytest.raises(DuplicateJobError):
        await perdure_env.emit("user.created", {"name": "Ada"})


def test_only_clients_that_have_no_node_can_be_used() -> None:
    with pytest.raises(InvalidArgumentError, match="uses clients"):
        Env("shop")  # type: ignore[arg-type]

    async def start() -> None:
        async with Client(id="busy", database_url="sqlite://").start():
            pass

        busy = Client(id="busy", database_url="sqlite://")
        async with busy.start():
            with pytest.raises(InvalidArgumentError, match="has started a node of its own"):
                async with Env(busy):
                    pass

    asyncio.run(start())


async def test_an_environment_without_a_client_says_how_to_give_it_one() -> None:
    async with Env() as env:
        with pytest.raises(NotConnectedError, match="perdure_client"):
            await env.emit("user.created")


async def test_an_environment_is_at_work_only_inside_its_block() -> None:
    env = Env(client)
    with pytest.raises(PerdureError, match="not at work"):
        await env.emit("user.created")
    async with env:
        await env.emit("user.created", {"name": "Ada"})
        assert client.node is not None
    assert client.node is None
    with pytest.raises(PerdureError, match="not at work"):
        env.now  # noqa: B018


async def test_each_block_begins_with_an_empty_database_and_what_was_given_before() -> None:
    env = Env(client, start=datetime(2031, 5, 1, tzinfo=UTC))
    fake = env.fake("⏰", None)
    for _ in range(2):
        async with env:
            assert env.now == datetime(2031, 5, 1, tzinfo=UTC)
            assert len(env.fakes) == 1
            assert fake.calls == []
            env.fake("outer", "faked")
            run = await env.invoke("welcome", {"name": "Ada"})
            assert run.output == "faked"
            assert fake.calls == [{"seconds": 30 * 86_400}]
            await env.advance(days=1)
