"""Concurrency limits: of a job, of several jobs, of the environment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import IO, Client, invoke_trigger, job
from perdure.errors import InvalidArgumentError
from tests.scenarios.app import PATIENCE, App


class Gauge:
    """A task body that counts how many of its kind are at work; the first ones wait until ``all_there`` are."""

    def __init__(self, all_there: int) -> None:
        self.at_work = 0
        self.peak = 0
        self._all_there = all_there
        self._full = asyncio.Event()

    async def __call__(self) -> None:
        self.at_work += 1
        self.peak = max(self.peak, self.at_work)
        if self.peak >= self._all_there:
            self._full.set()
        await asyncio.wait_for(self._full.wait(), PATIENCE)
        self.at_work -= 1


async def finish_all(app: App, *jobs: Any, count: int) -> list[Any]:
    """Invoke each of the jobs so often, and wait for all."""
    handles = [await app.client.invoke(one) for _ in range(count) for one in jobs]
    return [await handle.result(timeout=PATIENCE) for handle in handles]


async def test_no_more_executions_of_a_job_are_at_work_than_its_limit(app: App) -> None:
    limited, everyone = Gauge(2), asyncio.Barrier(12)

    @app.job(concurrency_limit=2)
    async def two(payload: Any, io: IO) -> str:
        await io.run_task("a", limited)
        await io.wait("w", 0.002)
        await io.run_task("b", limited)
        return "done"

    @app.job
    async def many(payload: Any, io: IO) -> str:
        await io.run_task("a", everyone.wait)
        return "done"

    async with app.start():
        assert await finish_all(app, two, many, count=12) == ["done"] * 24
    assert limited.peak == 2


async def test_jobs_share_the_places_of_a_group(app: App) -> None:
    gauge = Gauge(3)
    limit = app.client.define_concurrency_limit("openai", 3)

    async def work(payload: Any, io: IO) -> None:
        await io.run_task("a", gauge)

    jobs = [app.job(id=name, concurrency_limit=limit)(work) for name in ("a", "b", "c")]
    async with app.start():
        await finish_all(app, *jobs, count=6)
    assert gauge.peak == 3


async def test_a_limit_of_one_makes_runs_follow_one_another(app: App) -> None:
    order: list[str] = []

    @app.job(concurrency_limit=1)
    async def serial(payload: dict[str, int], io: IO) -> None:
        async def body() -> None:
            order.append(f"begin {payload['n']}")
            await asyncio.sleep(0.001)
            order.append(f"end {payload['n']}")

        await io.run_task("k", body)

    async with app.start():
        handles = [await app.client.invoke(serial, {"n": n}) for n in range(8)]
        for handle in handles:
            await handle.result(timeout=PATIENCE)
    assert order == [f"{what} {n}" for n in range(8) for what in ("begin", "end")]


async def test_a_run_that_waits_for_another_of_its_job_leaves_it_its_place(app: App) -> None:
    @app.job(concurrency_limit=1)
    async def countdown(payload: dict[str, int], io: IO) -> int:
        n = payload["n"]
        return 0 if n == 0 else 1 + await io.invoke_and_wait("k", "countdown", {"n": n - 1})

    assert await app.result(countdown, {"n": 5}) == 5


async def test_a_run_that_stands_aside_says_what_it_waits_for(app: App) -> None:
    release = asyncio.Event()

    @app.job(concurrency_limit=1)
    async def one(payload: Any, io: IO) -> None:
        await io.run_task("k", release.wait, as_type=bool)

    async with app.start():
        first, second = await app.client.invoke(one), await app.client.invoke(one)
        run = await app.says(second, "at most 1 executions of this job")
        assert run.status == "QUEUED"
        await second.cancel()
        release.set()
        await first.result(timeout=PATIENCE)


async def test_limits_hold_across_restarts(durable_app: App) -> None:
    app, gauge = durable_app, Gauge(2)

    def declare(app: App) -> Any:
        @app.job(concurrency_limit=2)
        async def two(payload: Any, io: IO) -> None:
            await io.run_task("a", gauge)

        return two

    two = declare(app)
    async with app.start_and_interrupt():
        handles = [await app.client.invoke(two) for _ in range(20)]
    # The bodies that were cut may not have counted themselves out.
    gauge.at_work = 0
    after = app.successor()
    declare(after)
    async with after.start():
        for handle in handles:
            assert (await after.finish(handle.id)).status == "SUCCESS"
    assert gauge.peak <= 2


async def test_the_environment_has_a_limit_of_its_own(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_CONCURRENCY_LIMIT", "3")
    gauge = Gauge(3)

    @app.job
    async def one(payload: Any, io: IO) -> None:
        await io.run_task("a", gauge)

    @app.job
    async def other(payload: Any, io: IO) -> None:
        await io.run_task("a", gauge)

    async with app.start():
        await finish_all(app, one, other, count=8)
    assert gauge.peak == 3


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "3"])
def test_a_limit_that_is_none_is_refused_where_it_is_declared(limit: Any) -> None:
    client = Client(id="app")
    with pytest.raises(InvalidArgumentError, match="whole number"):
        job(id="j", version="1.0.0", trigger=invoke_trigger(), concurrency_limit=limit)(_nothing)
    with pytest.raises(InvalidArgumentError, match="whole number"):
        client.define_concurrency_limit("id", limit)
    with pytest.raises(InvalidArgumentError):
        client.define_concurrency_limit("", 1)


def test_a_group_has_one_limit() -> None:
    client = Client(id="app")
    first = client.define_concurrency_limit("openai", 3)
    assert client.define_concurrency_limit("openai", 3) == first
    with pytest.raises(InvalidArgumentError, match="openai"):
        client.define_concurrency_limit("openai", 4)


@pytest.mark.parametrize("number", ["0", "-1", "many"])
async def test_an_environment_limit_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    monkeypatch.setenv("PERDURE_CONCURRENCY_LIMIT", number)
    with pytest.raises(InvalidArgumentError, match="PERDURE"):
        async with Client(id="app", database_url="sqlite://").start():
            pass


async def _nothing(payload: Any) -> None: ...
