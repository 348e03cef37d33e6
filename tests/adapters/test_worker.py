"""What a worker does when its server does not take what it says, or does not take its app."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from perdure import Client
from perdure.adapters import heartbeat
from perdure.adapters.answers import Answers
from perdure.adapters.worker import Worker
from perdure.errors import DuplicateJobError, PerdureError
from perdure.protocol.worker_messages import WorkerAnswer
from tests.transport.server import Received, response, serving

PATIENCE = 60.0
NATIVE = {"Perdure-Version": "1"}
PING: dict[str, Any] = {"id": 1, "headers": {"x-trigger-api-key": "tr_dev_key", "x-trigger-action": "VALIDATE"}}


class Platform:
    """Sends events down the first stream, and answers what comes up with the next of these."""

    def __init__(self, events: list[tuple[str, Any]], answers: list[bytes], *, refusals: Sequence[bytes] = ()) -> None:
        self.events = events
        self.refusals = list(refusals)
        self.opened = 0
        self.is_back = asyncio.Event()
        self.answers = answers
        self.said: list[dict[str, Any]] = []
        self.beats: list[dict[str, Any]] = []
        self.is_through = asyncio.Event()

    async def __call__(self, received: Received, writer: asyncio.StreamWriter) -> None:
        if received.method == "GET":
            self.opened += 1
            if self.refusals and (refusal := self.refusals.pop(0)):
                writer.write(refusal)
                await writer.drain()
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nPerdure-Version: 1\r\n\r\n")
            for name, data in self.events:
                writer.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
            await writer.drain()
            if self.refusals:
                writer.close()
            else:
                self.is_back.set()
            return
        if "/answers" in received.target:
            self.said += json.loads(received.body)["answers"]
            writer.write(self.answers.pop(0))
            if not self.answers:
                self.is_through.set()
        else:
            self.beats.append(json.loads(received.body))
            if not self.answers:
                self.is_through.set()
            writer.write(response(b'{"known":true}', headers=NATIVE))
        await writer.drain()


@asynccontextmanager
async def working(platform: Platform) -> AsyncIterator[asyncio.Task[None]]:
    async with serving(platform) as server:
        client = Client(id="shop", api_url=server.origin, api_key="tr_dev_key")
        worker = Worker(client, is_ready=lambda *_: None)
        task = asyncio.create_task(worker.run())
        try:
            yield task
        finally:
            worker.stop()
            await asyncio.gather(task, return_exceptions=True)


async def test_an_answer_is_sent_again_until_the_server_takes_it() -> None:
    taken = response(b'{"known":true}', headers=NATIVE)
    refusals = [response(status=status, headers=NATIVE) for status in ("429 Too Many Requests", "503 Unavailable")]
    platform = Platform([("call", PING)], [*refusals, taken])
    async with working(platform):
        await asyncio.wait_for(platform.is_through.wait(), PATIENCE)

    assert [one["status"] for one in platform.said] == [200, 200, 200]


async def test_an_answer_that_is_refused_is_followed_by_one_that_says_so() -> None:
    taken = response(b'{"known":true}', headers=NATIVE)
    platform = Platform([("call", PING)], [response(status="413 Too Large", headers=NATIVE), taken])
    async with working(platform):
        await asyncio.wait_for(platform.is_through.wait(), PATIENCE)

    assert [(one["id"], one["status"]) for one in platform.said] == [(1, 200), (1, 500)]
    assert platform.said[1]["body"]["message"].startswith("The server did not take")


async def test_an_answer_that_is_refused_keeps_none_of_those_beside_it_from_the_server() -> None:
    sent: list[list[int]] = []

    async def send(some: Sequence[WorkerAnswer]) -> bool:
        sent.append([one.id for one in some])
        await asyncio.sleep(0)
        return 3 not in sent[-1]

    answers = Answers(send)
    taken = await asyncio.gather(*(answers.put(WorkerAnswer("w1", number, 200, {})) for number in range(1, 5)))

    assert taken == [True, True, False, True]
    assert sent == [[1, 2, 3, 4], [1], [2], [3], [4]]


async def test_a_worker_whose_app_is_not_taken_ends_with_the_reason() -> None:
    refusal = {"error": "Job 'a' of 'shop' is also defined in 'other'; ids must be unique.", "code": "duplicate_job"}
    async with working(Platform([("error", refusal)], [])) as task:
        with pytest.raises(DuplicateJobError, match="also defined in"):
            await asyncio.wait_for(asyncio.shield(task), PATIENCE)


async def test_a_worker_that_dials_in_too_often_dials_in_again() -> None:
    taken = response(b'{"known":true}', headers=NATIVE)
    too_often = response(b'{"error":"too often","code":"rate_limited"}', status="429 Too Many", headers=NATIVE)
    platform = Platform([("call", PING)], [taken], refusals=[too_often])
    async with working(platform):
        await asyncio.wait_for(platform.is_through.wait(), PATIENCE)

    assert platform.opened >= 2


async def test_a_worker_that_was_connected_outlives_what_a_proxy_says_in_the_place_of_its_server() -> None:
    proxy = response(b"<html>no such site</html>", status="404 Not Found")
    platform = Platform([("ready", {"jobs": 0})], [], refusals=[b"", proxy, proxy])
    async with working(platform):
        await asyncio.wait_for(platform.is_back.wait(), PATIENCE)

    assert platform.opened == 4


async def test_a_worker_whose_url_leads_to_no_server_ends_with_what_it_found_there() -> None:
    proxy = response(b"<html>no such site</html>", status="404 Not Found")
    async with working(Platform([], [], refusals=[proxy])) as task:
        with pytest.raises(PerdureError, match="is no node of perdure: it answered with status 404"):
            await asyncio.wait_for(asyncio.shield(task), PATIENCE)


async def test_an_action_that_is_withdrawn_before_it_is_begun_is_not_done() -> None:
    taken = response(b'{"known":true}', headers=NATIVE)
    platform = Platform([("call", PING), ("withdraw", {"id": 1}), ("call", {**PING, "id": 2})], [taken])
    async with working(platform):
        await asyncio.wait_for(platform.is_through.wait(), PATIENCE)

    assert [one["id"] for one in platform.said] == [2]


async def test_a_sign_of_life_says_how_far_the_event_loop_has_got(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.01)
    platform = Platform([("call", {**PING, "id": 7})], [response(b'{"known":true}', headers=NATIVE)])
    async with working(platform), asyncio.timeout(PATIENCE):
        while not platform.beats or platform.beats[-1]["taken"] != 7:
            platform.is_through.clear()
            await platform.is_through.wait()
