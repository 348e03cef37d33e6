"""What executions have to store, on its way: together, in order, again if need be, and each with its own outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from perdure.errors import IdempotencyConflictError, NotConnectedError, PerdureError, StaleExecutionError
from perdure.protocol.execution import JsonText, TaskRecord, TaskState
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_batches import BatchAnswer, BatchItem, BatchOutcome, TaskBatch, pack, unpack
from perdure.transport.execution_body import may_batch
from perdure.transport.outbox import BYTES_AT_ONCE, Outbox
from perdure.transport.wire_link import WireLink
from tests.transport.bare import requests_on

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Platform:
    """Takes batches: does with each what the next of its moods says, and notes the runs of its items."""

    def __init__(self, moods: list[str]) -> None:
        self.moods = moods
        self.batches: list[list[str]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.has_come = asyncio.Event()
        self.at_work: set[asyncio.Task[None]] = set()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.at_work.add(asyncio.ensure_future(self.answer(reader, writer)))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for _, body in requests_on(reader):
            items = unpack(body, TaskBatch).items
            self.batches.append([item.run for item in items])
            self.has_come.set()
            await self.may_answer.wait()
            mood = self.moods.pop(0) if self.moods else "well"
            if mood == "gone":
                break
            writer.write(_answer(mood, items))
        writer.close()


def _answer(mood: str, items: list[BatchItem]) -> bytes:
    status, body, more = "200 OK", b"", ""
    if mood == "busy":
        status, more = "429 Too Many Requests", f"x-ratelimit-reset: {int(time.time() * 1000) + 20}\r\n"
    else:
        outcomes = [BatchOutcome(item.run, "No.") if "_" in item.run else None for item in items]
        body = pack(BatchAnswer(outcomes[:-1] if mood == "short" else outcomes))
    return f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def outbox(*moods: str) -> AsyncIterator[tuple[Outbox, Platform]]:
    platform = Platform(list(moods))
    listening = await asyncio.start_server(platform.serve, "127.0.0.1", 0)
    async with listening:
        link = WireLink(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", "key")
        try:
            yield Outbox(link), platform
        finally:
            await link.close()
            await asyncio.gather(*platform.at_work)


def item(run: str, output: str = "1") -> BatchItem:
    made = TaskRecord("task_1", "a" * 64, None, "run_task", "n", TaskStatus.COMPLETED, NOW, output=JsonText(output))
    return BatchItem(run, 1, made)


async def test_what_comes_while_a_request_is_under_way_goes_together_with_the_next() -> None:
    async with outbox() as (box, platform):
        platform.may_answer.clear()
        first = asyncio.ensure_future(box.put(item("a")))
        await platform.has_come.wait()
        rest = [asyncio.ensure_future(box.put(item(run))) for run in "bcd"]
        await asyncio.sleep(0)
        platform.may_answer.set()
        assert await asyncio.gather(first, *rest) == [None] * 4
        assert platform.batches == [["a"], ["b", "c", "d"]]


async def test_a_request_is_only_so_large() -> None:
    async with outbox() as (box, platform):
        large = "x" * (BYTES_AT_ONCE // 2)
        await asyncio.gather(*(box.put(item(run, large)) for run in "abc"), box.put(item("d", large * 3)))
        assert platform.batches == [["a"], ["b"], ["c"], ["d"]]


async def test_what_is_refused_is_told_to_whom_it_concerns() -> None:
    async with outbox() as (box, platform):
        runs = ["a", "stale_execution", "b", "idempotency_conflict", "nobody_knows"]
        told = await asyncio.gather(*(box.put(item(run)) for run in runs), return_exceptions=True)
        assert [type(one) for one in told] == [
            type(None), StaleExecutionError, type(None), IdempotencyConflictError, PerdureError,
        ]  # fmt: skip
        assert platform.batches == [runs]


@pytest.mark.parametrize("mood", ["gone", "busy"])
async def test_a_batch_is_sent_again_if_its_answer_is_lost_or_it_came_too_often(mood: str) -> None:
    async with outbox(mood) as (box, platform):
        assert await asyncio.gather(box.put(item("a")), box.put(item("b"))) == [None, None]
        assert platform.batches == [["a", "b"]] * 2


async def test_an_answer_that_does_not_fit_fails_the_batch_and_not_the_next() -> None:
    async with outbox("short") as (box, _):
        with pytest.raises(PerdureError, match="1 items were sent"):
            await box.put(item("a"))
        assert await box.put(item("b")) is None


async def test_whoever_waits_when_the_app_stops_is_told() -> None:
    async with outbox() as (box, platform):
        platform.may_answer.clear()
        waiting = asyncio.ensure_future(box.put(item("a")))
        await platform.has_come.wait()
        box.close()
        with pytest.raises(NotConnectedError):
            await waiting
        platform.may_answer.set()


@pytest.mark.parametrize(
    ("operation", "params_hash", "size", "may"),
    [
        ("run_task", None, 10, True),
        ("wait", "h", 10, True),
        ("log", None, 10, True),
        ("task", None, 10, False),
        ("wait", None, 10, False),
        ("run_task", None, 3_000_000, False),
    ],
)
def test_a_run_goes_by_batches_if_its_tasks_fit_and_none_was_made_by_asking(
    operation: str, params_hash: str | None, size: int, may: bool
) -> None:
    output = JsonText("1" * size)
    state = TaskState("t", "k", None, operation, "n", TaskStatus.COMPLETED, False, 1, output, None, None, params_hash)
    assert may_batch([state]) is may
