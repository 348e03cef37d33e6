"""A task line: opened by a signed request, and from then on only what its opener says, in its turn, is done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from perdure.api.task_lines import TaskLine as AnsweredLine
from perdure.config.settings import RateLimit, Settings
from perdure.engine.clock import SystemClock
from perdure.protocol.api_json import decode
from perdure.protocol.epochs import count_of
from perdure.protocol.execution import ExecutionResult, Succeeded, TaskRecord, TaskState
from perdure.protocol.messages.codec import decode_message
from perdure.protocol.messages.execution import KnownTask
from perdure.protocol.signing import SIGNED_ID_HEADER
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_batches import BatchAnswer, BatchItem, TaskBatch, pack, unpack
from perdure.protocol.task_line import (
    LINE_PATH,
    LINE_PROTOCOL,
    NOTICE,
    NOTICES_HEADER,
    batch_frame,
    line_secret,
    read_answer,
    read_notice,
)
from perdure.protocol.task_waits import EventWait
from perdure.protocol.worker_messages import WorkerResolve
from perdure.server import http_protocol
from perdure.server.line_protocol import LineProtocol
from perdure.transport.signer import Signer
from tests.api.client import KEY, ApiClient, serving
from tests.api.test_operators import DEV, keys, nobody
from tests.api.test_runs import invoke
from tests.engine.app import Execution, ScriptedApp

__all__ = ["keys"]
BATCH = pack(TaskBatch([BatchItem("run_nobody", 1, url_of="task_of_nobody")]))
NOW = datetime(2030, 1, 1, tzinfo=UTC)
ASKED = {"Connection": "Upgrade", "Upgrade": LINE_PROTOCOL}


class Line:
    """A line, spoken by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secret: bytes) -> None:
        self.reader = reader
        self.writer = writer
        self.secret = secret
        self.number = 0

    def send(self, batch: bytes = BATCH, *, number: int | None = None, secret: bytes | None = None) -> None:
        self.writer.write(batch_frame(secret or self.secret, self.number if number is None else number, batch))
        self.number += 1

    async def next(self) -> tuple[int, bytes, int]:
        size = int.from_bytes(await self.reader.readexactly(4), "big")
        return read_answer(await self.reader.readexactly(size))

    async def is_over(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(1), 10) == b""
        except ConnectionError:
            return True


def opening(key: str = KEY) -> dict[str, str]:
    return Signer(key, is_signing=True).headers("POST", LINE_PATH, body=b"")


async def ask(api: ApiClient, headers: dict[str, str]) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*urlsplit(api.node.url).netloc.split(":"))
    given = {"Host": "localhost", "Content-Length": "0", **ASKED, **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    writer.write(f"POST {LINE_PATH} HTTP/1.1\r\n{lines}\r\n".encode())
    return await reader.readuntil(b"\r\n\r\n"), reader, writer


@asynccontextmanager
async def line(api: ApiClient, *, key: str = KEY, listens: bool = False) -> AsyncIterator[Line]:
    headers = {**opening(key), **({NOTICES_HEADER: "1"} if listens else {})}
    head, reader, writer = await ask(api, headers)
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"upgrade: perdure-tasks\r\n" in head.lower()
    try:
        yield Line(reader, writer, line_secret(key, headers[SIGNED_ID_HEADER]))
    finally:
        await close(writer)


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_batches_are_answered_one_after_the_other() -> None:
    async with serving() as api, line(api) as opened:
        for _ in range(3):
            opened.send()
            status, body, _ = await opened.next()
            assert status == 200
            (outcome,) = unpack(body, BatchAnswer).outcomes
            assert outcome is not None
            assert "/tasks/task_of_nobody/callback/" in str(outcome.url)


class Behind(ScriptedApp):
    """An app that the server knows no other way to tell anything than its line."""

    def resolve(self, run_id: str, epoch: int, tasks: list[TaskState]) -> bool:
        return False


@pytest.mark.parametrize("listens", [True, False])
@pytest.mark.parametrize("stores", [True, False])
async def test_who_listens_is_told_of_waits_that_end_by_the_line_that_the_run_was_named_on(
    listens: bool, stores: bool
) -> None:
    done = asyncio.Event()

    async def waits(execution: Execution) -> ExecutionResult:
        await done.wait()
        return Succeeded(None)

    app = Behind(SystemClock()).job("waits", waits)
    async with serving(app) as api, line(api, listens=listens) as opened, line(api, listens=True) as other:
        run_id = await invoke(api, "waits")
        wait = EventWait("shipped", "trigger.dev", None, None, None, None)
        task = TaskRecord("task_1", "a" * 64, None, "wait_for_event", "n", TaskStatus.WAITING, NOW, wait=wait)
        if not stores:
            # By another line, and then no more than a sign of life by this one.
            other.send(pack(TaskBatch([BatchItem(run_id, 1, task)])))
            assert (await other.next())[0] == 200
        opened.send(pack(TaskBatch([BatchItem(run_id, 1, task if stores else None)])))
        assert (await opened.next())[0] == 200
        assert (await api.post("/api/events", {"events": [{"name": "shipped", "payload": 5}]})).status == 200
        told = opened if listens else None if stores else other
        if told is not None:
            status, signed, number = await told.next()
            assert (status, number) == (NOTICE, 0)
            over = decode(read_notice(told.secret, 0, signed), WorkerResolve)
            (known,) = decode_message(over.tasks.encode(), list[KnownTask])
            assert (over.run, count_of(over.epoch), known.id, known.status) == (
                run_id,
                1,
                "task_1",
                TaskStatus.COMPLETED,
            )
            told.send()
            assert (await told.next())[0] == 200
        if not listens:
            # What comes next is the answer to what is asked next.
            opened.send()
            assert (await opened.next())[0] == 200
        done.set()


async def test_a_wait_that_ended_before_there_was_a_way_to_tell_it_is_told_as_soon_as_there_is() -> None:
    done = asyncio.Event()

    async def waits(execution: Execution) -> ExecutionResult:
        await done.wait()
        return Succeeded(None)

    app = Behind(SystemClock()).job("waits", waits)
    async with serving(app) as api, line(api) as deaf, line(api, listens=True) as opened:
        run_id = await invoke(api, "waits")
        wait = EventWait("shipped", "trigger.dev", None, None, None, None)
        task = TaskRecord("task_1", "a" * 64, None, "wait_for_event", "n", TaskStatus.WAITING, NOW, wait=wait)
        deaf.send(pack(TaskBatch([BatchItem(run_id, 1, task)])))
        assert (await deaf.next())[0] == 200
        assert (await api.post("/api/events", {"events": [{"name": "shipped", "payload": 5}]})).status == 200
        for number in range(2):
            opened.send(pack(TaskBatch([BatchItem(run_id, 1)])))
            if number == 0:
                status, signed, _ = await opened.next()
                assert status == NOTICE
                over = decode(read_notice(opened.secret, 0, signed), WorkerResolve)
                (known,) = decode_message(over.tasks.encode(), list[KnownTask])
                assert (over.run, known.id, known.status) == (run_id, "task_1", TaskStatus.COMPLETED)
            # Once, and then no more.
            assert (await opened.next())[0] == 200
        done.set()


async def test_what_is_no_batch_is_refused_and_the_next_is_taken() -> None:
    async with serving() as api, line(api) as opened:
        opened.send(b"\xc1")
        status, body, _ = await opened.next()
        assert (status, json.loads(body)["code"]) == (422, "invalid_field")
        opened.send()
        assert (await opened.next())[0] == 200


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (lambda: {"Authorization": f"Bearer {KEY}"}, 401, "invalid_signature"),
        (lambda: {"Authorization": "Bearer tr_dev_nobody"}, 401, "invalid_api_key"),
        (lambda: opening("tr_dev_nobody"), 401, "invalid_api_key"),
        (lambda: {**opening(), "Upgrade": "websocket"}, 426, "upgrade_required"),
    ],
)
async def test_a_line_is_opened_by_a_signed_request(
    headers: Callable[[], dict[str, str]], status: int, code: str
) -> None:
    async with serving() as api:
        # A signature is good for five minutes, and what stands above is made when the tests are collected.
        head, reader, writer = await ask(api, headers())
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        said = json.loads(await reader.readexactly(size))
        await close(writer)
    assert (int(head.split()[1]), said["code"]) == (status, code)


async def test_a_line_is_opened_once_by_the_same_request() -> None:
    async with serving() as api:
        headers = opening()
        for status in (b"101", b"401"):
            head, _, writer = await ask(api, headers)
            assert head.split()[1] == status
            await close(writer)


async def test_where_a_connection_stays_what_it_is_no_line_is_opened() -> None:
    async with serving() as api:
        answer = await api.with_key(None).ask("POST", LINE_PATH, body=b"", headers=opening())
    assert (answer.status, answer.code, answer.headers["upgrade"]) == (426, "upgrade_required", LINE_PROTOCOL)


async def test_when_there_are_many_lines_no_further_one_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "MOST_LINES", 1)
    async with serving() as api, line(api) as opened:
        head, _, writer = await ask(api, opening())
        assert head.split()[1] == b"426"
        await close(writer)
        opened.send()
        assert (await opened.next())[0] == 200


@pytest.mark.parametrize("wrong", ["number", "secret"])
async def test_what_is_put_into_a_line_by_others_ends_it(wrong: str) -> None:
    async with serving() as api, line(api) as opened:
        opened.send()
        assert (await opened.next())[0] == 200
        if wrong == "number":
            opened.send(number=0)
        else:
            opened.send(secret=bytes(32))
        status, body, _ = await opened.next()
        assert (status, json.loads(body)["code"]) == (401, "invalid_signature")
        assert await opened.is_over()


async def test_a_frame_before_the_answer_to_the_last_ends_the_line() -> None:
    async with serving() as api, line(api) as opened:
        opened.send()
        opened.send()
        assert await opened.is_over()


async def test_a_frame_that_is_too_long_ends_the_line() -> None:
    async with serving() as api, line(api) as opened:
        opened.writer.write(b"\xff\xff\xff\xff")
        assert await opened.is_over()


async def test_a_key_that_was_revoked_has_no_line_any_more(keys: None) -> None:
    async with serving(nobody(), serves_all=True) as owner:
        made = (await owner.post("/api/keys")).body
        async with line(owner, key=made["key"]) as opened:
            opened.send()
            assert (await opened.next())[0] == 200
            assert (await owner.delete(f"/api/keys/{made['id']}")).status == 200
            opened.send()
            status, body, _ = await opened.next()
            assert (status, json.loads(body)["code"]) == (401, "invalid_api_key")
            assert await opened.is_over()


async def test_batches_are_counted_as_requests_are(keys: None) -> None:
    settings = Settings(rate_limit=RateLimit(0.001, 2))
    async with serving(nobody(), serves_all=True, settings=settings) as owner, line(owner, key=DEV) as opened:
        opened.send()
        assert (await opened.next())[0] == 200
        opened.send()
        status, body, reset = await opened.next()
        assert (status, json.loads(body)["code"], json.loads(body)["reset"]) == (429, "rate_limited", reset)
        assert reset > 1_600_000_000_000


async def test_a_node_that_stops_ends_its_lines() -> None:
    async with AsyncExitStack() as stack:
        async with serving() as api:
            opened = await stack.enter_async_context(line(api))
            opened.send()
            assert (await opened.next())[0] == 200
        assert await opened.is_over()


class SlowLine(AnsweredLine):
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.is_over = False
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def answer(self, frame: bytes) -> bytes:
        self.is_asked.set()
        await self.may_answer.wait()
        return b"answer to " + frame

    def note(self) -> None:
        pass


@asynccontextmanager
async def protocol(slow: SlowLine, *, idle_seconds: float = 60.0) -> AsyncIterator[tuple[LineProtocol, Line]]:
    made = LineProtocol(slow, connections=set(), tasks=set(), idle_seconds=idle_seconds)
    listening = await asyncio.get_running_loop().create_server(lambda: made, "127.0.0.1", 0)
    async with listening:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        yield made, Line(reader, writer, b"")
        await close(writer)


async def test_what_nobody_reads_does_not_pile_up_and_is_no_end_of_the_line() -> None:
    slow = SlowLine()
    made: list[int] = []

    def frame() -> bytes:
        made.append(1)
        return b"x" * 1024 * 1024

    async with protocol(slow) as (_, opened):
        opened.writer.write(b"\0\0\0\4abcd")
        await slow.is_asked.wait()
        assert slow.write is not None
        for _ in range(100):
            slow.write(frame)
        assert 1 <= len(made) < 30
        slow.may_answer.set()
        assert await opened.reader.readexactly(len(made) * 1024 * 1024 + 14) == b"x" * len(made) * 1024 * 1024 + (
            b"answer to abcd"
        )
        opened.writer.write(b"\0\0\0\4next")
        assert await opened.reader.readexactly(14) == b"answer to next"
        slow.write(lambda: b"told")
        assert await opened.reader.readexactly(4) == b"told"


async def test_an_answer_under_way_comes_before_the_line_ends() -> None:
    slow = SlowLine()
    async with protocol(slow) as (made, opened):
        opened.writer.write(b"\0\0\0\4abcd")
        await slow.is_asked.wait()
        made.shutdown()
        slow.may_answer.set()
        assert await opened.reader.read() == b"answer to abcd"


async def test_a_line_on_which_nothing_comes_ends() -> None:
    async with protocol(SlowLine(), idle_seconds=0.01) as (_, opened):
        opened.writer.write(b"\0\0\0\4abc")
        assert await opened.is_over()
