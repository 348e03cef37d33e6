"""Every example does what it says, undisturbed and with a crash at each point of its runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from aiohttp import ClientSession, web

from perdure import Client
from perdure.testing import Env

pytestmark = pytest.mark.crash_everywhere


def example(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("perdure_client", [name], indirect=True)


@pytest.fixture
def module(request: pytest.FixtureRequest) -> ModuleType:
    return import_module(f"examples.{request.node.callspec.params['perdure_client']}")


@pytest.fixture
def perdure_client(module: ModuleType) -> Client:
    client: Client = module.client
    return client


@asynccontextmanager
async def serve(*routes: web.AbstractRouteDef) -> AsyncIterator[str]:
    """A server of somebody else's on this machine; its URL."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@example("wait")
async def test_wait(perdure_env: Env) -> None:
    await perdure_env.emit("wait.start")
    run = await perdure_env.only_run("wait")
    await perdure_env.advance(seconds=59)
    assert run.status == "WAITING_TO_CONTINUE"
    await perdure_env.advance(seconds=1)
    assert run.output == "a minute later"


@example("wait_for_request")
async def test_wait_for_request(perdure_env: Env, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.Response()

    async with serve(web.post("/take", take)) as url:
        monkeypatch.setattr(module, "SCREENSHOT_API", f"{url}/take")
        await perdure_env.emit("screenshot.start")
        run = await perdure_env.only_run("screenshot")
        assert run.status == "WAITING_TO_CONTINUE"
        async with ClientSession() as session:
            image = {"store": {"location": "https://cdn.example/1.png"}}
            async with session.post(asked[-1]["webhook_url"], json=image) as answer:
                assert answer.status == 200
        await perdure_env.settle()
    assert run.output == "https://cdn.example/1.png"
    assert len({one["webhook_url"] for one in asked}) == 1


@example("wait_for_event")
async def test_wait_for_event(perdure_env: Env) -> None:
    await perdure_env.emit("shop.opened")
    run = await perdure_env.only_run("first-admin")
    user = {"id": "u1", "createdAt": "2026-01-01T00:00:00Z", "isAdmin": False}
    await perdure_env.emit("user.created", user)
    assert run.status == "WAITING_TO_CONTINUE"
    await perdure_env.emit("user.created", user | {"id": "u2", "isAdmin": True}, id="e2")
    assert run.output == "u2 by event e2"


@example("background_fetch")
async def test_background_fetch(perdure_env: Env, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str | None, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.headers.get("Authorization"), await request.json()))
        return web.json_response({"foo": "baz"})

    async with serve(web.post("/endpoint", answer)) as url:
        monkeypatch.setattr(module, "ENDPOINT", f"{url}/endpoint")
        await perdure_env.emit("fetch.start")
        run = await perdure_env.only_run("background-fetch")
    assert run.output == "baz"
    assert seen[0] == ("Bearer my-api-key", {"foo": "bar"})
    assert "my-api-key" not in str(run.task("🕸️"))


@example("background_poll")
async def test_background_poll(perdure_env: Env, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        times.append(perdure_env.now)
        done = perdure_env.now - times[0] >= timedelta(seconds=20)
        return web.json_response({"status": "SUCCESS" if done else "PENDING", "foo": "bar"})

    async with serve(web.get("/endpoint", answer)) as url:
        monkeypatch.setattr(module, "ENDPOINT", f"{url}/endpoint")
        await perdure_env.emit("poll.start")
        run = await perdure_env.only_run("background-poll")
        assert run.status == "WAITING_TO_CONTINUE"
        await perdure_env.advance(seconds=60)
    assert run.output == "bar"


@example("logger")
async def test_logger(perdure_env: Env) -> None:
    await perdure_env.emit("logger.start")
    run = await perdure_env.only_run("logger")
    assert [(line.level, line.message, line.data) for line in run.logs] == [
        ("INFO", "This is an info message", None),
        ("INFO", "This is an info message", {"foo": "bar"}),
        ("DEBUG", "This is a debug message", None),
        ("WARN", "This is a warning", None),
        ("ERROR", "This is an error", None),
    ]


@example("store")
async def test_store(perdure_env: Env) -> None:
    await perdure_env.emit("store.start")
    assert (await perdure_env.only_run("store")).output == "Doom 1.2 Demo #3"


@example("random_number")
async def test_random_number(perdure_env: Env) -> None:
    await perdure_env.emit("random.start")
    run = await perdure_env.only_run("random")
    assert 1 <= run.output < 100
    assert run.output == run.task("🎲").output


@example("send_event")
async def test_send_event(perdure_env: Env) -> None:
    await perdure_env.emit("send.start")
    assert (await perdure_env.only_run("send-event")).output == "e_1234567890"


@example("send_events")
async def test_send_events(perdure_env: Env) -> None:
    await perdure_env.emit("send.start")
    assert (await perdure_env.only_run("send-events")).output == ["e_12345", "e_67890"]


@example("get_event")
async def test_get_event(perdure_env: Env) -> None:
    await perdure_env.emit("new.user", id="e_1234567890")
    await perdure_env.emit("lookup.start")
    assert (await perdure_env.only_run("get-event")).output == 0


@example("cancel_event")
async def test_cancel_event(perdure_env: Env) -> None:
    await perdure_env.emit("cancel.start")
    assert (await perdure_env.only_run("cancel-event")).output is True


@example("create_status")
async def test_create_status(perdure_env: Env) -> None:
    await perdure_env.emit("images.start")
    run = await perdure_env.only_run("create-status")
    (status,) = run.statuses
    assert (status.label, status.state, status.data) == ("Generated images", "success", {"progress": 1})
    assert [one.data for one in status.history] == [{"progress": 0}, {"progress": 0.5}]
