"""Time in the environment of a test: it passes when it is told to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, Retry
from perdure.errors import InvalidArgumentError, NotSettledError
from perdure.testing import Env
from tests.testing import shop
from tests.testing.shop import a_client, order

client = shop.client
"""What `perdure_env` hosts."""


async def test_a_wait_of_a_month_is_over_when_the_month_is(perdure_env: Env) -> None:
    await perdure_env.emit("user.created", {"name": "Ada"})
    run = await perdure_env.only_run("welcome")
    assert run.status == "WAITING_TO_CONTINUE"
    assert run.why is not None
    assert "⏰" in run.why

    await perdure_env.advance(days=29, hours=23, minutes=59, seconds=59.999)
    assert run.status == "WAITING_TO_CONTINUE"
    await perdure_env.advance(seconds=0.001)

    assert run.status == "SUCCESS"
    assert run.output == "welcome Ada"
    assert run.error is None
    assert [task.key for task in run.tasks] == ["⏰", "outer"]
    assert run.task("outer/inner").output == "welcome Ada"
    assert [(line.level, line.message, line.data) for line in run.logs] == [("INFO", "hello", {"user": "Ada"})]


async def test_whatever_is_due_on_the_way_happens_at_its_own_time(perdure_env: Env) -> None:
    start = perdure_env.now
    one = await perdure_env.invoke(order, {"minutes": [10, 5]})
    two = await perdure_env.invoke("order", {"minutes": [12, 1]})

    await perdure_env.advance(hours=2)

    def after(*minutes: int) -> list[str]:
        return [(start + timedelta(minutes=one)).isoformat() for one in minutes]

    assert one.output == after(10, 15)
    assert two.output == after(12, 13)
    assert perdure_env.now == start + timedelta(hours=2)


async def test_time_stands_still_while_nobody_lets_it_pass(perdure_env: Env) -> None:
    start = perdure_env.now
    await perdure_env.emit("user.created", {"name": "Ada"})
    await asyncio.to_thread(lambda: None)
    assert perdure_env.now == start


async def test_time_passes_to_an_instant(perdure_env: Env) -> None:
    await perdure_env.advance(to=datetime(2040, 1, 1, tzinfo=UTC))
    assert perdure_env.now == datetime(2040, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "duration",
    [{"days": -1}, {"to": datetime(2000, 1, 1, tzinfo=UTC)}, {"to": datetime(2040, 1, 1)},  # noqa: DTZ001
     {"seconds": float("nan")},
     {"days": 1, "to": datetime(2040, 1, 1, tzinfo=UTC)}],
)  # fmt: skip
async def test_time_does_not_go_back_or_anywhere_unclear(perdure_env: Env, duration: dict[str, Any]) -> None:
    before = perdure_env.now
    with pytest.raises((InvalidArgumentError, ValueError)):
        await perdure_env.advance(**duration)
    assert perdure_env.now == before


async def test_time_stops_where_too_much_is_due(perdure_env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.testing.env._MOST_STEPS", 3)
    run = await perdure_env.invoke(order, {"minutes": [1, 2, 3, 4]})
    with pytest.raises(NotSettledError, match="More than 3 things were due one after the other"):
        await perdure_env.advance(hours=1)
    await perdure_env.advance(hours=1)
    assert run.status == "SUCCESS"


async def test_events_may_be_delivered_later(perdure_env: Env) -> None:
    await perdure_env.emit("user.created", {"name": "Ada"}, deliver_after=60)
    assert await perdure_env.runs() == []
    await perdure_env.advance(minutes=1)
    assert (await perdure_env.only_run()).status == "WAITING_TO_CONTINUE"


async def test_failing_bodies_are_tried_again_as_time_passes(perdure_env: Env) -> None:
    tried: list[datetime] = []

    async def flaky(payload: Any, io: IO) -> int:
        def body() -> int:
            tried.append(perdure_env.now)
            if len(tried) < 3:
                raise ConnectionError("not yet")
            return len(tried)

        return await io.run_task("body", body, retry=Retry(limit=3, factor=2, min_timeout=3600, randomize=False))

    perdure_env.use(a_client(flaky))
    start = perdure_env.now
    run = await perdure_env.invoke("other")
    assert [at - start for at in tried] == [timedelta(0)]
    await perdure_env.advance(days=1)
    assert run.output == 3
    assert tried == sorted(tried)
    assert len({*tried}) == 3


async def test_plain_bodies_are_waited_for(perdure_env: Env) -> None:
    import threading

    begun, going = threading.Event(), threading.Event()

    async def slow(payload: Any, io: IO) -> str:
        def body() -> str:
            begun.set()
            going.wait(10)
            return "done"

        return await io.run_task("body", body)

    perdure_env.use(a_client(slow))
    invoking = asyncio.create_task(perdure_env.invoke("other"))
    await asyncio.to_thread(begun.wait, 10)
    assert not invoking.done()
    going.set()
    assert (await invoking).output == "done"
