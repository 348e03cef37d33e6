"""What the environment of a test waits for until it is at rest, and how it executes runs until then."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

import pytest

from perdure import IO, Client, HttpRequest, webhooks
from perdure.errors import NotSettledError
from perdure.testing import Env
from tests.scenarios.target import Reply, target
from tests.testing import shop
from tests.testing.shop import a_client

client = shop.client
"""What `perdure_env` hosts."""


@pytest.mark.force_replay
async def test_force_replay_executes_a_run_from_the_top_after_each_wait(perdure_env: Env) -> None:
    begun = 0

    async def count(payload: Any, io: IO) -> None:
        nonlocal begun
        begun += 1
        await io.wait("a", 1)
        await io.wait("b", 1)

    perdure_env.use(a_client(count))
    await perdure_env.invoke("other")
    await perdure_env.advance(seconds=2)
    assert begun == 3


async def test_without_force_replay_a_run_goes_on_where_it_was(perdure_env: Env) -> None:
    begun = 0

    async def count(payload: Any, io: IO) -> None:
        nonlocal begun
        begun += 1
        await io.wait("a", 1)
        await io.wait("b", 1)

    perdure_env.use(a_client(count))
    await perdure_env.invoke("other")
    await perdure_env.advance(seconds=2)
    assert begun == (3 if perdure_env.force_replay else 1)


async def test_what_is_drawn_is_drawn_again_by_the_same_run_of_another_environment() -> None:
    async def draw(payload: Any, io: IO) -> list[Any]:
        return [str(await io.uuid("u")), await io.random("r"), str(await io.uuid("v"))]

    drawn: list[Any] = []
    for _ in range(2):
        async with Env(a_client(draw)) as env:
            drawn += [(await env.invoke("other")).output for _ in range(2)]
    assert drawn[:2] == drawn[2:]
    assert len({*drawn[0], *drawn[1]}) == 6


async def test_hooks_and_notifications_are_waited_for_and_named(perdure_env: Env) -> None:
    begun, going = asyncio.Event(), asyncio.Event()

    async def told(notification: Any) -> None:
        begun.set()
        await going.wait()

    async def run(payload: Any, io: IO) -> None: ...

    perdure_env.use(a_client(run, on_success=told))
    perdure_env.patience = 0.05
    with pytest.raises(NotSettledError, match=r"Deliveries\._tell is at work"):
        await perdure_env.invoke("other")
    going.set()
    perdure_env.patience = 10
    await perdure_env.settle()


async def test_requests_are_waited_for_and_those_to_come_are_not(perdure_env: Env) -> None:
    async def fetch(payload: Any, io: IO) -> Any:
        return await io.background_fetch("💬", service.url("/thing"), retry={"5xx": later})

    later = {"strategy": "backoff", "min_timeout": 3600, "max_timeout": 3600, "limit": 2, "randomize": False}
    perdure_env.use(a_client(fetch))
    async with target(thing=[Reply("busy", status=503), Reply({"n": 7})]) as service:
        run = await perdure_env.invoke("other")
        assert (run.status, len(service.requests)) == ("WAITING_TO_CONTINUE", 1)
        await perdure_env.advance(minutes=59)
        assert len(service.requests) == 1
        await perdure_env.advance(minutes=1)
        assert (run.output, len(service.requests)) == ({"n": 7}, 2)


async def test_a_request_without_an_answer_is_named(perdure_env: Env) -> None:
    async def fetch(payload: Any, io: IO) -> Any:
        return await io.background_fetch("💬", service.url("/thing"))

    perdure_env.use(a_client(fetch))
    perdure_env.patience = 0.2
    async with target(thing=Reply()) as service:
        service.hangs = True
        with pytest.raises(NotSettledError, match=r"Operations\._perform is at work"):
            await perdure_env.invoke("other")


async def test_polls_are_made_as_time_passes(perdure_env: Env) -> None:
    async def poll(payload: Any, io: IO) -> Any:
        return await io.background_poll(
            "poll", service.url("/state"), interval=60, timeout=600, response_filter={"body": {"done": [True]}}
        )

    perdure_env.use(a_client(poll))
    async with target(state=[Reply({"done": False}), Reply({"done": False}), Reply({"done": True})]) as service:
        run = await perdure_env.invoke("other")
        await perdure_env.advance(minutes=1)
        assert (run.status, len(service.requests)) == ("WAITING_TO_CONTINUE", 2)
        await perdure_env.advance(minutes=1)
        assert run.output == {"done": True}


async def test_a_signed_time_counts_from_when_the_run_was_asked_for_however_often_it_is_executed() -> None:
    receiver = Client(id="receiver")
    hook = receiver.define_http_endpoint("hook", source="vendor.example", verify=webhooks.stripe("hush"))

    @receiver.job(id="take", version="1.0.0", trigger=hook.on_request())
    async def take(payload: HttpRequest, io: IO) -> str:
        await io.wait("a day", 24 * 3600)
        return payload.text()

    async with Env(receiver, force_replay=True) as env:
        at = int(env.now.timestamp())
        signature = hmac.new(b"hush", f"{at}.paid".encode(), "sha256").hexdigest()
        headers = {"stripe-signature": f"t={at},v1={signature}"}
        await receiver.invoke(take, HttpRequest("POST", "https://example.com", headers, "paid"))
        await env.advance(days=2)
        run = await env.only_run("take")
        assert (run.status, run.output) == ("SUCCESS", "paid")
