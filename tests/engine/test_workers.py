"""What becomes of executions whose worker's connection ends: it depends on whether its process has died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from perdure.engine import workers as rooms
from perdure.engine.workers import Workers
from perdure.errors import FetchFailedError
from perdure.protocol.endpoint import Index
from perdure.protocol.messages.headers import ACTION_HEADER, HELD_HEADER
from perdure.protocol.outbound import OutboundRequest, OutboundResponse
from perdure.protocol.worker_messages import WorkerAbort, WorkerAnswer, WorkerCall, WorkerReady
from perdure.transport.http_endpoint import ProcessLostError


class Registered:
    """Takes every app in."""

    async def register(self, environment_no: int, app: object) -> Index:
        return Index("shop", ())


class Dialled:
    """A worker that has dialled in."""

    def __init__(self, workers: Workers, name: str) -> None:
        self.workers = workers
        self.name = name
        self.calls: Any = workers.calls("shop", name)

    async def ready(self) -> None:
        assert await anext(self.calls) == ("ready", WorkerReady(0))

    def execute(self, *, held: str | None = None) -> asyncio.Future[OutboundResponse]:
        headers = ((ACTION_HEADER, "EXECUTE_JOB"), *(() if held is None else ((HELD_HEADER, held),)))
        request = OutboundRequest("POST", "worker:shop", headers, b"{}", 1.0)
        return asyncio.ensure_future(self.workers.request("shop", request))


@asynccontextmanager
async def dialled(name: str = "w1", *, workers: Workers | None = None) -> AsyncIterator[Dialled]:
    if workers is None:
        workers = Workers(
            Registered(),
            environment_no=1,
            open_app=lambda *_: None,
            monotonic=lambda: 0.0,  # type: ignore[arg-type, return-value]
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
        worker.workers.beat("shop", "w1", is_draining=True)

    with pytest.raises(FetchFailedError) as raised:
        await answer
    assert not isinstance(raised.value, ProcessLostError)


async def test_a_suspended_run_goes_on_where_it_is_in_memory_and_any_other_where_there_is_least_to_do() -> None:
    async with dialled("w1") as first, dialled("w2", workers=first.workers) as second:
        asked = [first.execute(), first.execute(held="w1"), first.execute()]
        names = [call.id for _, call in [await anext(first.calls), await anext(first.calls), await anext(second.calls)]]
        for worker, number in (("w1", names[0]), ("w1", names[1]), ("w2", names[2])):
            first.workers.answer("shop", WorkerAnswer(worker, number, 200, {}))

        assert [one.status for one in await asyncio.gather(*asked)] == [200, 200, 200]
        assert first.workers.is_there("shop", "w1")
        first.workers.beat("shop", "w1", is_draining=True)
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
