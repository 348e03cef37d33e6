"""What becomes of executions whose worker's connection ends: it depends on whether its process has died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from perdure.engine import workers as rooms
from perdure.engine.workers import Workers
from perdure.errors import FetchFailedError
from perdure.protocol.endpoint import Index
from perdure.protocol.messages.headers import ACTION_HEADER, HELD_HEADER, NOT_HELD
from perdure.protocol.outbound import OutboundRequest, OutboundResponse
from perdure.protocol.worker_messages import (
    WorkerAbort,
    WorkerAnswer,
    WorkerBeat,
    WorkerCall,
    WorkerReady,
    WorkerWithdrawal,
)
from perdure.transport.execution_verdict import ProcessLostError


class Registered:
    """Takes every app in."""

    async def register(self, environment_no: int, app: object) -> Index:
        return Index("shop", ())


class WithoutUrl:
    """Looks for no app: none has a URL."""

    async def cancel(self, endpoint_id: str) -> None:
        """There is nothing to cancel."""

    def find_again(self, endpoint_id: str) -> None:
        """There is nobody to be asked."""


class Dialled:
    """A worker that has dialled in."""

    def __init__(self, workers: Workers, name: str) -> None:
        self.workers = workers
        self.name = name
        self.calls: Any = workers.calls("shop", name)

    async def ready(self) -> None:
        assert await anext(self.calls) == ("ready", WorkerReady(0))

    def beat(self, *, taken: int | None = None, draining: bool = False) -> None:
        assert self.workers.beat("shop", WorkerBeat(self.name, draining=draining, taken=taken))

    async def does(self, number: int) -> None:
        """Take an action, and do it."""
        name, call = await anext(self.calls)
        assert (name, call.id) == ("call", number)
        assert self.workers.answer("shop", WorkerAnswer(self.name, number, 200, {}))

    def execute(self, *, held: str | None = None) -> asyncio.Future[OutboundResponse]:
        headers = ((ACTION_HEADER, "EXECUTE_JOB"), *(() if held is None else ((HELD_HEADER, held),)))
        request = OutboundRequest("POST", "worker:shop", headers, b"{}", 1.0)
        return asyncio.ensure_future(self.workers.request("shop", request))


@asynccontextmanager
async def dialled(
    name: str = "w1", *, workers: Workers | None = None, time: Callable[[], float] = lambda: 0.0
) -> AsyncIterator[Dialled]:
    if workers is None:
        workers = Workers(
            Registered(),  # type: ignore[arg-type]
            WithoutUrl(),  # type: ignore[arg-type]
            environment_no=1,
            open_app=lambda *_: None,  # type: ignore[arg-type, return-value]
            monotonic=time,
        )
    worker = Dialled(workers, name)
    await worker.ready()
    try:
        yield worker
    finally:
        await worker.calls.aclose()


async def test_an_execution_is_lost_with_the_process_of_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "RETURN_SECONDS", 0.01)
    async with dialled() as worker:
        answer = worker.execute()
        await anext(worker.calls)

    with pytest.raises(ProcessLostError):
        await answer


async def test_a_worker_that_dials_in_again_has_not_died() -> None:
    async with dialled() as worker:
        answer = worker.execute()
        await anext(worker.calls)
    async with dialled(workers=worker.workers):
        with pytest.raises(FetchFailedError) as raised:
            await answer

    assert not isinstance(raised.value, ProcessLostError)


async def test_a_worker_that_is_ended_while_it_drains_takes_no_run_with_it() -> None:
    async with dialled() as worker:
        answer = worker.execute()
        await anext(worker.calls)
        worker.beat(draining=True)

    with pytest.raises(FetchFailedError) as raised:
        await answer
    assert not isinstance(raised.value, ProcessLostError)


async def test_a_suspended_run_goes_on_where_it_is_in_memory_and_any_other_where_there_is_least_to_do() -> None:
    async with dialled("w1") as first, dialled("w2", workers=first.workers) as second:
        asked = [first.execute(held="w1"), first.execute(), first.execute(held="w1")]
        names = [call.id for _, call in [await anext(first.calls), await anext(first.calls), await anext(second.calls)]]
        for worker, number in (("w1", names[0]), ("w1", names[1]), ("w2", names[2])):
            first.workers.answer("shop", WorkerAnswer(worker, number, 200, {}))

        assert [one.status for one in await asyncio.gather(*asked)] == [200, 200, 200]
        assert first.workers.is_there("shop", "w1")
        first.beat(draining=True)
        assert not first.workers.is_there("shop", "w1")


async def test_a_run_that_is_taken_away_is_told_to_every_worker_before_it_is_executed_again() -> None:
    async with dialled() as worker:
        worker.workers.abort("shop", "run_1")
        answer = worker.execute()

        assert await anext(worker.calls) == ("abort", WorkerAbort("run_1"))
        name, call = await anext(worker.calls)
        assert (name, type(call)) == ("call", WorkerCall)
        worker.workers.answer("shop", WorkerAnswer("w1", call.id, 200, {}))
        await answer


class Time:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_what_a_blocked_worker_does_not_begin_with_is_done_by_another() -> None:
    time = Time()
    async with dialled("w1", time=time) as first:
        answer = first.execute()
        await anext(first.calls)
        first.beat(taken=0)
        async with dialled("w2", workers=first.workers) as second:
            time.now = 9.0
            first.beat(taken=0)
            assert first.workers.is_there("shop", "w1")
            time.now = 10.0
            first.beat(taken=0)

            await second.does(1)
            assert (await answer).status == 200
            # Nothing more is given to it, though it has nothing else to do, until it has taken what it was given.
            answers = [first.execute(), first.execute()]
            await second.does(2)
            await second.does(3)
            await asyncio.gather(*answers)
            assert await anext(first.calls) == ("withdraw", WorkerWithdrawal(1))
            first.beat(taken=1)
            answers = [first.execute(), first.execute()]
            await second.does(4)
            await first.does(2)
            await asyncio.gather(*answers)


async def test_a_suspended_run_whose_worker_is_blocked_is_not_waited_for() -> None:
    time = Time()
    async with dialled("w1", time=time) as worker:
        answer = worker.execute(held="w1")
        await anext(worker.calls)
        worker.beat(taken=0)
        time.now = 10.0
        worker.beat(taken=0)

        assert (await answer).status == NOT_HELD
        assert not worker.workers.is_there("shop", "w1")


async def test_a_run_without_a_worker_that_is_not_blocked_waits_for_one() -> None:
    time = Time()
    async with dialled("w1", time=time) as worker:
        answer = worker.execute()
        await anext(worker.calls)
        worker.beat(taken=0)
        time.now = 10.0
        worker.beat(taken=0)

        with pytest.raises(FetchFailedError, match="blocked"):
            await answer


async def test_a_worker_may_take_its_time_for_what_it_has_begun_with() -> None:
    time = Time()
    async with dialled("w1", time=time) as worker:
        answer = worker.execute()
        _, call = await anext(worker.calls)
        for _ in range(3):
            time.now += 1000.0
            worker.beat(taken=1)
        assert not answer.done()
        worker.workers.answer("shop", WorkerAnswer("w1", call.id, 200, {}))
        assert (await answer).status == 200


async def test_a_worker_without_a_sign_of_life_is_gone_though_there_is_more_and_more_for_it() -> None:
    time = Time()
    async with dialled("w1", time=time) as worker:
        worker.workers.abort("shop", "run_1")
        worker.workers.abort("shop", "run_2")
        time.now = 29.0
        assert await anext(worker.calls) == ("abort", WorkerAbort("run_1"))
        time.now = 30.0
        with pytest.raises(StopAsyncIteration):
            await anext(worker.calls)


async def test_a_worker_that_is_dismissed_has_not_died() -> None:
    async with dialled() as worker:
        executed = worker.execute()
        await anext(worker.calls)
        worker.workers.dismiss("shop", "w1")
        await worker.calls.aclose()
        with pytest.raises(FetchFailedError) as gone:
            await executed
    assert not isinstance(gone.value, ProcessLostError)


async def test_a_worker_that_is_lost_again_just_after_it_had_returned_may_return_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rooms, "RETURN_SECONDS", 0.01)
    async with dialled() as worker:
        pass
    workers = worker.workers
    monkeypatch.setattr(rooms, "RETURN_SECONDS", 5.0)
    async with dialled(workers=workers) as again:
        answer = again.execute()
        await anext(again.calls)
    # By then its first return would have been too late.
    is_late = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, is_late.set)
    await is_late.wait()
    async with dialled(workers=workers):
        with pytest.raises(FetchFailedError) as raised:
            await answer

    assert not isinstance(raised.value, ProcessLostError)
