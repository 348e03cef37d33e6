"""`callback_url=`: a URL is told of a run's end, signed, until it takes it."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web

from perdure import IO
from tests.scenarios.app import PATIENCE, App


class Receiver:
    """Takes notifications: the first few are answered 500."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.url = ""
        self.refusals = refusals
        self.requests: list[tuple[dict[str, str], bytes, dict[str, Any]]] = []
        self._taken = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, body, await request.json()))
        if len(self.requests) <= self.refusals:
            return web.Response(status=500)
        self._taken.set()
        return web.Response()

    async def taken(self) -> tuple[dict[str, str], bytes, dict[str, Any]]:
        """The request that was taken; waits for it."""
        await asyncio.wait_for(self._taken.wait(), PATIENCE)
        return self.requests[-1]


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[Receiver]:
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def test_a_url_is_told_of_a_runs_end_and_can_check_who_says_so(app: App) -> None:
    @app.job
    async def greet(payload: dict[str, str], io: IO) -> str:
        return f"hello {payload['name']}"

    async with receiving(Receiver()) as receiver, app.start() as node:
        handle = await app.client.invoke(greet, {"name": "Momo"}, callback_url=receiver.url)
        headers, body, told = await receiver.taken()
        key = node.signing_key.encode()
    assert (told["id"], told["ok"], told["status"], told["output"]) == (handle.id, True, "SUCCESS", "hello Momo")
    assert told["job"] == {"id": "greet", "version": "1.0.0"}
    assert headers["x-trigger-signature-256"] == hmac.new(key, body, sha256).hexdigest()
    assert headers["webhook-signature"].startswith("v1,")


async def test_the_key_of_the_environment_signs_if_there_is_one(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_API_KEY", "tr_dev_abc")

    @app.job
    async def fail(payload: Any, io: IO) -> None:
        raise ValueError("no")

    async with receiving(Receiver()) as receiver, app.start():
        await app.client.invoke(fail, callback_url=receiver.url)
        headers, body, told = await receiver.taken()
    assert (told["ok"], told["status"], told["error"]["message"]) == (False, "FAILURE", "no")
    assert headers["x-trigger-signature-256"] == hmac.new(b"tr_dev_abc", body, sha256).hexdigest()


async def test_a_url_that_refuses_is_told_again_under_the_same_id(app: App) -> None:
    @app.job
    async def quick(payload: Any, io: IO) -> int:
        return 1

    async with receiving(Receiver(refusals=1)) as receiver, app.start():
        await app.client.invoke(quick, callback_url=receiver.url)
        await receiver.taken()
    first, second = receiver.requests
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert first[1] == second[1]
