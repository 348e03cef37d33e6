"""What executions have to store, on its way: together, in order, again if need be, and each with its own outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import count

import pytest

from perdure import Client
from perdure.adapters.runtime import Runtime
from perdure.errors import IdempotencyConflictError, NotConnectedError, PerdureError, StaleExecutionError
from perdure.protocol.execution import JsonText, TaskRecord, TaskState
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_batches import BATCH_BYTES, BatchAnswer, BatchItem, BatchOutcome, TaskBatch, pack, unpack
from perdure.protocol.task_line import LINE_PATH, answer_frame, line_secret, read_batch
from perdure.transport import batch_requests, wire_link
from perdure.transport import outbox as outboxes
from perdure.transport.execution_body import may_batch
from perdure.transport.outbox import BYTES_AT_ONCE, Outbox
from perdure.transport.wire_execution import WireExecution
from perdure.transport.wire_link import WireLink
from tests.transport.bare import requests_on

NOW = datetime(2030, 1, 1, tzinfo=UTC)
REFUSED = b"HTTP/1.1 426 No\r\nContent-Length: 0\r\n\r\n"


class Platform:
    """Takes batches: does with each what the next of its moods says, and notes the runs of its items."""

    def __init__(self, moods: list[str], *, opens_lines: bool, opening: bytes = REFUSED) -> None:
        self.moods = moods
        self.opens_lines = opens_lines
        self.opening = opening
        self.paths: list[bytes] = []
        self.batches: list[list[str]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.has_come = asyncio.Event()
        self.at_work: set[asyncio.Task[None]] = set()
        self.epoch = 0
        self.stored: list[str] = []

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.at_work.add(asyncio.ensure_future(self.answer(reader, writer)))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for head, body in requests_on(reader):
            self.paths.append(head.split(b" ")[1])
            if self.paths[-1] != LINE_PATH.encode():
                answer = await self.take(body)
                status, reset = (429, f"x-ratelimit-reset: {answer[2]}\r\n") if answer[2] else (200, "")
                head = f"HTTP/1.1 {status} So\r\n{reset}Content-Length: {len(answer[1])}\r\n\r\n".encode()
                writer.write(head + answer[1] if answer[0] else b"")
                if not answer[0]:
                    break
            elif self.opens_lines:
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: perdure-tasks\r\n\r\n")
                with suppress(ConnectionError, asyncio.IncompleteReadError):
                    await self.serve_line(reader, writer, line_secret("key", signed_id_of(head)))
                break
            else:
                writer.write(self.opening)
                if self.opening != REFUSED:
                    break
        writer.close()

    async def serve_line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secret: bytes) -> None:
        for number in count():
            size = int.from_bytes(await reader.readexactly(4), "big")
            frame = await reader.readexactly(size)
            status, body, reset = await self.take(read_batch(secret, number, frame))
            if not status:
                return
            # In pieces: what has come is not all that comes.
            answer = answer_frame(status, body, reset=reset)
            for piece in (answer[:2], answer[2:9], answer[9:]):
                writer.write(piece)
                await writer.drain()

    async def take(self, body: bytes) -> tuple[int, bytes, int]:
        items = unpack(body, TaskBatch).items
        self.batches.append([item.run for item in items])
        self.has_come.set()
        await self.may_answer.wait()
        mood = self.moods.pop(0) if self.moods else "well"
        if mood in ("gone", "busy"):
            return (0, b"", 0) if mood == "gone" else (429, b"", int(time.time() * 1000) + 20)
        outcomes = [self.outcome(item) for item in items]
        return 200, pack(BatchAnswer(outcomes[:-1] if mood == "short" else outcomes)), 0

    def outcome(self, item: BatchItem) -> BatchOutcome | None:
        if "_" in item.run and item.epoch != self.epoch:
            return BatchOutcome(item.run, "No.")
        assert item.record is not None
        self.stored.append(str(item.record.output))
        return None

    async def until(self, count: int) -> None:
        """Wait until so many items have come."""
        async with asyncio.timeout(60):
            while sum(map(len, self.batches)) < count:  # noqa: ASYNC110
                await asyncio.sleep(0)


def signed_id_of(head: bytes) -> str:
    return head.split(b"webhook-id: ")[1].split(b"\r\n")[0].decode()


WAYS = ("line", "refused line", "requests")


@asynccontextmanager
async def outbox(
    *moods: str, way: str = "line", opening: bytes = REFUSED, outlives_servers: bool = True
) -> AsyncIterator[tuple[Outbox, Platform]]:
    platform = Platform(list(moods), opens_lines=way == "line", opening=opening)
    listening = await asyncio.start_server(platform.serve, "127.0.0.1", 0)
    async with listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        link = WireLink(url, "key", is_signing=way != "requests")
        try:
            yield Outbox(link, outlives_servers=outlives_servers), platform
        finally:
            await link.close()
            await asyncio.gather(*platform.at_work)


def item(run: str, output: str = "1", *, epoch: int = 1) -> BatchItem:
    made = TaskRecord("task_1", "a" * 64, None, "run_task", "n", TaskStatus.COMPLETED, NOW, output=JsonText(output))
    return BatchItem(run, epoch, made)


@pytest.mark.parametrize("way", WAYS)
async def test_what_comes_while_a_request_is_under_way_goes_together_with_the_next(way: str) -> None:
    async with outbox(way=way) as (box, platform):
        platform.may_answer.clear()
        first = asyncio.ensure_future(box.put(item("a")))
        await platform.has_come.wait()
        rest = [asyncio.ensure_future(box.put(item(run))) for run in "bcd"]
        await asyncio.sleep(0)
        platform.may_answer.set()
        assert await asyncio.gather(first, *rest) == [None] * 4
        assert platform.batches == [["a"], ["b", "c", "d"]]
        # A line is opened once; whoever opens none is not asked again for a while.
        opened, one = [b"/api/task-line"], b"/api/task-batches"
        assert platform.paths == {"line": opened, "refused line": [*opened, one, one], "requests": [one, one]}[way]


@pytest.mark.parametrize(
    "opening",
    [
        b"",
        b"HTTP/1.0 404 No\r\n\r\n",
        b"HTTP/1.1 403 No\r\nX: " + b"x" * 20_000,
        b"HTTP/1.1 101 So\r\n\r\n",
    ],
)
async def test_behind_a_proxy_that_knows_no_lines_and_says_so_in_no_way_batches_go_by_requests(opening: bytes) -> None:
    async with outbox(way="proxy", opening=opening) as (box, platform):
        async with asyncio.timeout(4):
            assert await box.put(item("a")) is None
            assert await box.put(item("b")) is None
        assert platform.paths == [b"/api/task-line", b"/api/task-batches", b"/api/task-batches"]


async def test_a_batch_that_is_too_large_for_a_line_is_refused_as_by_requests() -> None:
    async with outbox() as (box, platform):
        assert await box.put(item("a")) is None
        assert await box.put(item("large", f'"{"x" * BATCH_BYTES}"')) is None
        assert await box.put(item("b")) is None
        assert platform.paths == [b"/api/task-line", b"/api/task-batches"]


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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mood", ["gone", "busy"])
async def test_a_batch_is_sent_again_if_its_answer_is_lost_or_it_came_too_often(mood: str, way: str) -> None:
    async with outbox(mood, way=way) as (box, platform):
        assert await asyncio.gather(box.put(item("a")), box.put(item("b"))) == [None, None]
        assert platform.batches == [["a", "b"]] * 2


@pytest.mark.parametrize("mood", ["gone", "busy"])
async def test_a_batch_is_sent_again_with_what_has_come_meanwhile_if_an_open_line_fails(mood: str) -> None:
    async with outbox("well", mood) as (box, platform):
        assert await box.put(item("a")) is None
        assert await asyncio.gather(box.put(item("b")), box.put(item("c"))) == [None, None]
        assert platform.batches == [["a"], ["b"], ["b", "c"]]


async def test_an_answer_by_an_open_line_that_does_not_fit_fails_the_batch_and_not_the_next() -> None:
    async with outbox("well", "short") as (box, _):
        assert await box.put(item("a")) is None
        told = await asyncio.gather(box.put(item("b")), box.put(item("c")), return_exceptions=True)
        assert [type(one) for one in told] == [PerdureError, type(None)]


async def test_what_waits_is_tried_for_as_long_as_a_server_may_take_to_start_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire_link, "_FIRST_MS", 0)
    monkeypatch.setattr(wire_link, "_JITTER_MS", 0)
    async with outbox(*["gone"] * (3 * wire_link.ATTEMPTS), way="requests") as (box, platform):
        assert await box.put(item("a")) is None
        assert len(platform.batches) == 3 * wire_link.ATTEMPTS + 1

    monkeypatch.setattr(batch_requests, "KEEP_SECONDS", 0.0)
    async with outbox(*["gone"] * wire_link.ATTEMPTS, way="requests") as (box, _):
        with pytest.raises(NotConnectedError):
            await box.put(item("a"))


async def test_what_would_keep_a_thread_is_tried_for_no_longer_than_any_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire_link, "_FIRST_MS", 0)
    monkeypatch.setattr(wire_link, "_JITTER_MS", 0)
    async with outbox(*["gone"] * wire_link.ATTEMPTS, way="requests", outlives_servers=False) as (box, platform):
        with pytest.raises(NotConnectedError):
            await box.put(item("a"))
        assert len(platform.batches) == wire_link.ATTEMPTS
        assert await box.put(item("b")) is None


async def test_an_app_whose_executions_hold_threads_does_not_keep_what_they_have_to_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire_link, "_FIRST_MS", 0)
    monkeypatch.setattr(wire_link, "_JITTER_MS", 0)
    gone = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    client = Client(id="shop", api_key="tr_dev_Aa1", api_url=f"http://127.0.0.1:{gone.sockets[0].getsockname()[1]}")
    gone.close()
    await gone.wait_closed()
    runtime = Runtime(client, outlives_servers=False)
    async with asyncio.timeout(30):
        with pytest.raises(NotConnectedError):
            await runtime.platform._outbox.put(item("a"))
    await runtime.close()


async def test_only_so_much_waits_for_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outboxes, "ROOM_BYTES", 100_000)
    async with outbox() as (box, platform):
        platform.may_answer.clear()
        first = asyncio.ensure_future(box.put(item("a")))
        await platform.has_come.wait()
        second = asyncio.ensure_future(box.put(item("b", "x" * 100_000)))
        await asyncio.sleep(0)
        with pytest.raises(NotConnectedError, match="wait already"):
            await box.put(item("c"))
        platform.may_answer.set()
        assert await asyncio.gather(first, second) == [None] * 2
        assert await box.put(item("d")) is None


def execution() -> WireExecution:
    made = WireExecution(
        "stale_execution", 1, limit_ms=None, noops=None, epoch=1, is_native=True, has_all=True, monotonic=time.monotonic
    )
    made.doubt = lambda: None
    return made


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_server_started_anew_does_not_know_waits_for_the_next_execution_in_its_order(way: str) -> None:
    async with outbox(way=way) as (box, platform):
        run = execution()
        platform.epoch = 2
        old = [asyncio.ensure_future(box.put(item(run.run_id, str(n)), run)) for n in range(3)]
        await platform.until(3)
        platform.may_answer.clear()
        old.append(asyncio.ensure_future(box.put(item(run.run_id, "3"), run)))
        await platform.until(4)
        # One is on its way under the old number, one waits behind it, and the next one has the new number.
        old.append(asyncio.ensure_future(box.put(item(run.run_id, "4"), run)))
        await asyncio.sleep(0)
        run.renew(2, limit_ms=None)
        new = asyncio.ensure_future(box.put(item(run.run_id, "5", epoch=2), run))
        platform.may_answer.set()

        assert await asyncio.gather(*old, new) == [None] * 6
        assert platform.stored == [str(n) for n in range(6)]


async def test_an_execution_that_is_to_be_no_other_has_lost_its_run() -> None:
    async with outbox() as (box, platform):
        run = execution()
        platform.epoch = 2
        waiting = asyncio.ensure_future(box.put(item(run.run_id), run))
        await platform.until(1)
        run.let_go()
        with pytest.raises(StaleExecutionError):
            await waiting
        with pytest.raises(StaleExecutionError):
            await box.put(item(run.run_id), run)
        assert platform.stored == []


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


async def test_whoever_has_just_begun_to_wait_when_the_app_stops_is_told() -> None:
    async with outbox() as (box, _):
        waiting = asyncio.ensure_future(box.put(item("a")))
        # It is put in, and what sends it has not run yet.
        asyncio.get_running_loop().call_soon(box.close)
        with pytest.raises(NotConnectedError):
            await asyncio.wait_for(waiting, 10)


async def test_whoever_waits_for_an_open_line_when_the_app_stops_is_told() -> None:
    async with outbox() as (box, platform):
        assert await box.put(item("a")) is None
        platform.may_answer.clear()
        waiting = [asyncio.ensure_future(box.put(item(run))) for run in "bc"]
        await asyncio.sleep(0)
        box.close()
        for one in waiting:
            with pytest.raises(NotConnectedError):
                await one
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
