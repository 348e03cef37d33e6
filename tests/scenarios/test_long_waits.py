"""Waits of days, months and years, retries over hours: each is over when its time has come, and not before."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, Client, Retry, RetryAt, event_trigger, invoke_trigger
from perdure.errors import WaitTimeoutError
from perdure.testing import Env

client = Client(id="patient")

YEAR = timedelta(days=365)


def job(name: str, **options: Any) -> Any:
    return client.job(**({"id": name, "version": "1.0.0", "trigger": invoke_trigger()} | options))


@pytest.fixture(params=["sticky", "replay"])
def env(request: pytest.FixtureRequest, perdure_env: Env) -> Env:
    """An environment in each way of running."""
    perdure_env.force_replay = request.param == "replay"
    return perdure_env


@job("years")
async def years(payload: int, io: IO) -> list[str]:
    begun = await io.now("begun")
    for number in range(payload):
        await io.wait(f"year {number}", YEAR)
    await io.wait_until("and a day", begun + payload * YEAR + timedelta(days=1))
    return [begun.isoformat(), (await io.now("ended")).isoformat()]


async def test_a_run_waits_for_a_hundred_years(env: Env) -> None:
    start = env.now
    run = await env.invoke(years, 100)
    await env.advance(days=100 * 365, hours=23)
    assert run.status == "WAITING_TO_CONTINUE"
    await env.advance(hours=1)
    assert run.output == [start.isoformat(), (start + 100 * YEAR + timedelta(days=1)).isoformat()]


async def test_runs_that_began_on_different_days_go_on_on_different_days(env: Env) -> None:
    runs = []
    for _ in range(7):
        runs.append(await env.invoke(years, 1))
        await env.advance(days=1)
    await env.advance(days=358)
    done: list[int] = []
    for _ in range(7):
        await env.advance(days=1)
        done.append(sum(run.status == "SUCCESS" for run in runs))
    assert done == [1, 2, 3, 4, 5, 6, 7]


@job("reminded")
async def reminded(payload: str, io: IO) -> str:
    for day in range(1, 4):
        try:
            paid = await io.wait_for_event(
                f"day {day}", name="paid", filter={"order": [payload]}, timeout=timedelta(days=1)
            )
        except WaitTimeoutError:
            await io.logger.info(f"reminder {day}")
        else:
            return f"paid on day {day} with {paid.payload['by']}"
    return "never paid"


async def test_an_event_that_does_not_come_is_given_up_after_days(env: Env) -> None:
    one, two, three = [await env.invoke(reminded, order) for order in ("one", "two", "three")]
    await env.advance(hours=12)
    await env.emit("paid", {"order": "one", "by": "card"})
    await env.advance(days=2)
    await env.emit("paid", {"order": "two", "by": "cash"})
    await env.advance(days=1)
    await env.emit("paid", {"order": "three", "by": "card"})
    assert [run.output for run in (one, two, three)] == [
        "paid on day 1 with card",
        "paid on day 3 with cash",
        "never paid",
    ]
    assert [line.message for line in three.logs] == ["reminder 1", "reminder 2", "reminder 3"]


@job("requested")
async def requested(payload: Any, io: IO) -> str:
    try:
        await io.wait_for_request("request", lambda url: None, timeout=timedelta(days=30))
    except WaitTimeoutError as error:
        return str(error)
    return "came"


async def test_a_request_that_does_not_come_is_given_up_after_a_month(env: Env) -> None:
    run = await env.invoke(requested)
    await env.advance(days=29, hours=23, minutes=59)
    assert run.status == "WAITING_TO_CONTINUE"
    await env.advance(minutes=1)
    assert "nothing came" in run.output


async def test_retries_are_made_at_their_times(env: Env) -> None:
    tried: list[float] = []
    start = env.now

    async def flaky(payload: Any, io: IO) -> str:
        async def body() -> str:
            tried.append((env.now - start) / timedelta(minutes=1))
            if len(tried) < 5:
                raise ConnectionError
            return "done"

        retry = Retry(limit=5, factor=2, min_timeout=60, max_timeout=300, randomize=False)
        return await io.run_task("body", body, retry=retry)

    other = Client(id="flaky")
    other.job(id="flaky", version="1.0.0", trigger=invoke_trigger())(flaky)
    env.use(other)
    run = await env.invoke("flaky")
    await env.advance(hours=1)
    assert run.output == "done"
    waited = [later - earlier for earlier, later in itertools.pairwise(tried)]
    assert waited == [1, 1, 2, 4]


async def test_a_retry_may_be_put_off_for_a_week(env: Env) -> None:
    tried: list[Any] = []

    async def limited(payload: Any, io: IO) -> int:
        def body() -> int:
            tried.append(env.now)
            if len(tried) == 1:
                raise ConnectionError("come back next week")
            return len(tried)

        return await io.run_task("body", body, on_error=lambda error, task, io: RetryAt(env.now + timedelta(weeks=1)))

    other = Client(id="limited")
    other.job(id="limited", version="1.0.0", trigger=invoke_trigger())(limited)
    env.use(other)
    run = await env.invoke("limited")
    await env.advance(days=6)
    assert len(tried) == 1
    await env.advance(days=1)
    assert run.output == 2
    assert tried[1] - tried[0] == timedelta(weeks=1)


@job("delayed", trigger=event_trigger("delayed"))
async def delayed(payload: int, io: IO) -> str:
    return (await io.now("now")).isoformat()


async def test_events_are_delivered_in_the_order_of_their_times(env: Env) -> None:
    start = env.now
    for days in (3, 1, 2):
        await env.emit("delayed", days, deliver_after=timedelta(days=days))
    await env.advance(days=7)
    assert [run.output for run in await env.runs(delayed)] == [
        (start + timedelta(days=days)).isoformat() for days in (1, 2, 3)
    ]


async def test_branches_wait_for_different_days_at_the_same_time(env: Env) -> None:
    async def all_at_once(payload: Any, io: IO) -> list[str]:
        async def item(days: int, index: int) -> str:
            await io.wait(f"{days} days", timedelta(days=days))
            return (await io.now(f"after {days} days")).isoformat()

        return await io.parallel("all", [5, 1, 3], item)

    other = Client(id="parallel")
    other.job(id="parallel", version="1.0.0", trigger=invoke_trigger())(all_at_once)
    env.use(other)
    start = env.now
    run = await env.invoke("parallel")
    await env.advance(days=4)
    assert run.status == "WAITING_TO_CONTINUE"
    await env.advance(days=1)
    assert run.output == [(start + timedelta(days=days)).isoformat() for days in (5, 1, 3)]


@job("for-ever")
async def for_ever(payload: Any, io: IO) -> None:
    await io.wait_until("never", datetime.max.replace(tzinfo=UTC))


async def test_a_wait_until_the_last_instant_there_is_can_be_looked_up_and_cancelled(env: Env) -> None:
    run = await env.invoke(for_ever)
    await env.advance(days=400)
    assert run.status == "WAITING_TO_CONTINUE"
    assert run.task("never").delay_until == datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    assert (await client.cancel_run(run.id)).status == "CANCELED"
