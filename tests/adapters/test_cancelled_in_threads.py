"""Runs that are cancelled where nobody hears that the server hangs up: the next task stops them, and stores nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from perdure import IO, Client, event_trigger, invoke_trigger
from perdure.adapters import whereabouts
from perdure.engine.clock import SystemClock
from tests.adapters.frameworks import WAYS, Ask
from tests.api.client import KEY
from tests.api.client import serving as serving_node
from tests.engine.app import ScriptedApp
from tests.transport.server import Received, Server, response, serving

NEXT: dict[str, Callable[[IO], Awaitable[Any]]] = {
    "task": lambda io: io.run_task("next", lambda: 1),
    "wait": lambda io: io.wait("next", 0.01),
    "fetch": lambda io: io.background_fetch("next", "http://example.com/"),
    "value": lambda io: io.store.env.set("next", "next", 1),
    "status": lambda io: io.create_status("next", label="Next"),
    "event": lambda io: io.send_event("next", name="next"),
    "run": lambda io: io.invoke("next", "other", {}),
    "run to wait for": lambda io: io.invoke_and_wait("next", "other", {}),
    "event to wait for": lambda io: io.wait_for_event("next", name="next"),
    "request to wait for": lambda io: io.wait_for_request("next", lambda url: None),
    "random number": lambda io: io.random("next"),
    "yield": lambda io: io.yield_execution("next"),
}
INSIDE = "end of a task"


class Cancelled:
    """A client whose jobs each do one thing after their run was cancelled, and what came of that."""

    def __init__(self, url: str) -> None:
        self.client = Client(id="shop", api_key=KEY, api_url=url)
        self.begun = {kind: threading.Event() for kind in (*NEXT, INSIDE)}
        self.may_go_on = {kind: threading.Event() for kind in self.begun}
        self.came_past: list[str] = []
        self.answered: list[tuple[int, bytes]] = []
        for kind in (*NEXT, INSIDE):
            self._declare(kind)
        self.client.job(id="other", version="1.0.0", trigger=invoke_trigger())(_other)
        self.client.job(id="hears", version="1.0.0", trigger=event_trigger("next"))(_other)
        self.begins = threading.Event()
        self.ends = threading.Event()
        self.client.job(id="endless", version="1.0.0", trigger=invoke_trigger())(self._work_without_end)

    async def _work_without_end(self, payload: Any, io: IO) -> None:
        try:
            self.begins.set()
            await asyncio.Event().wait()
        finally:
            self.ends.set()

    def _declare(self, kind: str) -> None:
        async def waits() -> None:
            self.begun[kind].set()
            await asyncio.to_thread(self.may_go_on[kind].wait, 30)

        async def run(payload: Any, io: IO) -> None:
            await io.run_task("first", lambda: 0)
            if kind == INSIDE:
                await io.run_task("at work", waits)
            else:
                await waits()
                await NEXT[kind](io)
            self.came_past.append(kind)

        self.client.job(id=_id(kind), version="1.0.0", trigger=invoke_trigger())(run)


async def _other(payload: Any, io: IO) -> None:
    pass


def _id(kind: str) -> str:
    return kind.replace(" ", "-")


@asynccontextmanager
async def behind(ask: Ask) -> AsyncIterator[tuple[Server, asyncio.Queue[str]]]:
    """Serve an app by a server that holds each connection until it has the answer; what was answered."""
    done: asyncio.Queue[str] = asyncio.Queue()

    def ask_in_thread(received: Received) -> bytes:
        asked = {name: value for name, value in received.headers.items() if name != "content-length"}
        status, headers, body = ask(received.method, asked, received.body)
        given = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        return response(body, status=f"{status} So", headers=given)

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(await asyncio.to_thread(ask_in_thread, received))
        done.put_nowait(received.headers["x-trigger-action"])

    async with serving(answer) as app:
        yield app, done


@pytest.mark.parametrize("way", [way for way in WAYS if way != "fastapi"])
async def test_the_next_task_of_any_kind_stops_a_run_that_was_cancelled_and_stores_nothing(way: str) -> None:
    async with serving_node(ScriptedApp(SystemClock())) as api:
        jobs = Cancelled(api.node.url)
        ask = WAYS[way](jobs.client)
        async with behind(ask) as (app, done):
            made = await api.post("/api/endpoints", {"id": "shop", "url": f"{app.origin}/api/trigger"})
            assert made.status == 200, made.body
            for kind in jobs.begun:
                run_id = (await api.post(f"/api/v1/jobs/{_id(kind)}/invoke", {"payload": {}})).body["id"]
                assert await asyncio.to_thread(jobs.begun[kind].wait, 30), kind
                assert (await api.post(f"/api/v1/runs/{run_id}/cancel")).status == 200
                jobs.may_go_on[kind].set()
                async with asyncio.timeout(30):
                    while await done.get() != "EXECUTE_JOB":
                        pass
                assert jobs.came_past == []
                run = (await api.get(f"/api/runs/{run_id}?subtasks=true&take=50")).body
                assert run["status"] == "CANCELED", kind
                stored = {task["key"]: task["status"] for task in run["tasks"]}
                assert stored.pop("first") == "COMPLETED"
                assert stored == {}, kind
            assert "value" not in (await api.get("/api/v1/store/next")).body
            for job in ("other", "hears"):
                assert (await api.get(f"/api/v1/jobs/{job}/runs")).body["runs"] == []


@pytest.mark.parametrize("way", ["asgi", "flask", "function-url"])
async def test_code_that_does_no_task_is_stopped_when_the_app_says_what_is_at_work(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whereabouts, "SAY_SECONDS", 0.02)
    async with serving_node(ScriptedApp(SystemClock())) as api:
        jobs = Cancelled(api.node.url)
        async with behind(WAYS[way](jobs.client)) as (app, _):
            made = await api.post("/api/endpoints", {"id": "shop", "url": f"{app.origin}/api/trigger"})
            assert made.status == 200, made.body
            run_id = (await api.post("/api/v1/jobs/endless/invoke", {"payload": {}})).body["id"]
            assert await asyncio.to_thread(jobs.begins.wait, 30)
            assert (await api.post(f"/api/v1/runs/{run_id}/cancel")).status == 200
            assert await asyncio.to_thread(jobs.ends.wait, 30)
