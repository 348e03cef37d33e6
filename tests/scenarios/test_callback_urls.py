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
from perdure.errors import BlockedAddressError, InvalidArgumentError, InvalidUrlError
from tests.scenarios.app import PATIENCE, App
from tests.scenarios.remote import KEY


class Receiver:
    """Takes notifications: the first few are answered 500."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.url = ""
        self.refusals = refusals
        self.requests: list[tuple[dict[str, str], bytes, dict[str, Any]]] = []
        self._taken = asyncio.Event()
        self._changed = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, body, await request.json()))
        self._changed.set()
        if len(self.requests) <= self.refusals:
            return web.Response(status=500)
        self._taken.set()
        return web.Response()

    async def reach(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(PATIENCE):
            while len(self.requests) < count:
                self._changed.clear()
                await self._changed.wait()

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
    monkeypatch.setenv("PERDURE_API_KEY", KEY)

    @app.job
    async def fail(payload: Any, io: IO) -> None:
        raise ValueError("no")

    async with receiving(Receiver()) as receiver, app.start():
        await app.client.invoke(fail, callback_url=receiver.url)
        headers, body, told = await receiver.taken()
    assert (told["ok"], told["status"], told["error"]["message"]) == (False, "FAILURE", "no")
    assert headers["x-trigger-signature-256"] == hmac.new(KEY.encode(), body, sha256).hexdigest()


async def test_every_way_to_invoke_takes_a_url(app: App) -> None:
    @app.job
    async def child(payload: Any, io: IO) -> Any:
        return payload

    async with receiving(Receiver()) as receiver:

        @app.job
        async def parent(payload: Any, io: IO) -> Any:
            url = receiver.url
            await io.invoke("i", child, 1, callback_url=url)
            await io.invoke_and_wait("w", child, 2, callback_url=url)
            return await io.batch_invoke_and_wait("b", child, [(3, {"callback_url": url}), 4])

        async with app.start():
            handle = await app.client.invoke(parent)
            assert await handle.result(timeout=PATIENCE) == [3, 4]
            await child.invoke(5, callback_url=receiver.url)
            await receiver.reach(4)
    assert sorted(told["output"] for _, _, told in receiver.requests) == [1, 2, 3, 5]


async def test_a_cancelled_run_is_told_of_and_an_ended_one_at_once(app: App) -> None:
    @app.job
    async def waits(payload: Any, io: IO) -> None:
        await io.wait("w", 3600)

    async with receiving(Receiver()) as receiver, app.start():
        handle = await app.client.invoke(waits, idempotency_key="one", callback_url=receiver.url)
        await app.reach(handle, "WAITING_TO_CONTINUE")
        await handle.cancel()
        await receiver.reach(1)
        again = await app.client.invoke(waits, idempotency_key="one", callback_url=f"{receiver.url}?late")
        await receiver.reach(2)
    assert again.id == handle.id
    assert [(told["id"], told["status"]) for _, _, told in receiver.requests] == [(handle.id, "CANCELED")] * 2


async def test_what_could_not_be_told_before_the_process_ended_is_told_by_the_next(durable_app: App) -> None:
    app = durable_app

    @app.job
    async def quick(payload: Any, io: IO) -> int:
        return 7

    async with receiving(Receiver(refusals=1)) as receiver:
        async with app.start():
            handle = await app.client.invoke(quick, callback_url=receiver.url)
            await receiver.reach(1)
        async with app.successor().start():
            _, _, told = await receiver.taken()
    assert (told["id"], told["output"]) == (handle.id, 7)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("/hook", InvalidUrlError),
        ("ftp://example.com/", InvalidUrlError),
        ("https://user:secret@example.com/", InvalidUrlError),
        ("http://2130706433/", BlockedAddressError),
        ("http://169.254.169.254/latest/meta-data/", BlockedAddressError),
        ("https://10.1.2.3/hook", BlockedAddressError),
        ("http://[fd00::1]/hook", BlockedAddressError),
        (5, InvalidArgumentError),
    ],
)
async def test_a_url_that_nothing_can_be_sent_to_is_refused(app: App, url: Any, error: type[Exception]) -> None:
    @app.job
    async def quick(payload: Any, io: IO) -> None: ...

    async with app.start():
        with pytest.raises(error) as caught:
            await app.client.invoke(quick, callback_url=url)
        assert (await app.client.get_runs("quick")).runs == ()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("way", ["invoke", "invoke_and_wait", "batch"])
async def test_a_run_is_told_at_its_call_that_a_url_leads_to_a_closed_address(app: App, way: str) -> None:
    @app.job
    async def child(payload: Any, io: IO) -> None: ...

    @app.job
    async def parent(payload: Any, io: IO) -> str:
        url = "http://169.254.169.254/"
        try:
            if way == "invoke":
                await io.invoke("k", child, callback_url=url)
            elif way == "invoke_and_wait":
                await io.invoke_and_wait("k", child, callback_url=url)
            else:
                await io.batch_invoke_and_wait("k", child, [({}, {"callback_url": url})])
        except BlockedAddressError as error:
            return error.code
        return "told nothing"

    async with app.start():
        handle = await app.client.invoke(parent)
        assert await handle.result(timeout=PATIENCE) == "blocked_address"
        assert (await app.client.get_runs("child")).runs == ()


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
