"""An app of the v2 protocol behind HTTP, registered with a node, that answers each action as a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.api.client import ApiClient
from tests.transport.server import Received, Server, response, serving

Says = Any | Callable[[], Awaitable[Any]]
"""JSON, the bytes of a whole answer, or what gives one of them."""


def job(id: str, **more: Any) -> dict[str, Any]:
    """A job that is invoked, as an index has it."""
    event = {"name": "invoke", "title": "Manual Invoke", "source": "trigger.dev", "icon": "trigger"}
    return {
        "id": id, "name": id, "version": "1.0.0", "event": event, "trigger": {"type": "invoke"}, "integrations": {},
        "startPosition": "latest", "enabled": True, "preprocessRuns": False, **more,
    }  # fmt: skip


class RemoteApp:
    """The app.

    Attributes:
        says: What it answers, by action.
        headers: What stands in the head of its answers.
        server: Where it is.
    """

    def __init__(self, *jobs: dict[str, Any]) -> None:
        index = {"jobs": jobs, "sources": [], "dynamicTriggers": [], "dynamicSchedules": []}
        self.says: dict[str, Says] = {
            "PING": {"ok": True},
            "INDEX_ENDPOINT": index,
            "EXECUTE_JOB": {"status": "SUCCESS"},
        }
        self.headers = {"Trigger-Version": "2023-09-29"}
        self.server: Server

    async def answer(self, received: Received, writer: asyncio.StreamWriter) -> None:
        says = self.says[received.headers["x-trigger-action"]]
        said = await says() if callable(says) else says
        is_whole = isinstance(said, bytes)
        writer.write(said if is_whole else response(json.dumps(said).encode(), headers=self.headers))
        await writer.drain()

    def asked(self, action: str) -> list[dict[str, Any]]:
        """The bodies that it was asked for an action with, oldest first."""
        found = [one for one in self.server.requests if one.headers["x-trigger-action"] == action]
        return [json.loads(one.body or b"{}") for one in found]

    async def register(self, api: ApiClient) -> None:
        """Have it registered as ``shop``."""
        made = await api.post("/api/endpoints", {"id": "shop", "url": f"{self.server.origin}/api/trigger"})
        assert made.status == 200, made


@asynccontextmanager
async def remote_app(*jobs: dict[str, Any]) -> AsyncIterator[RemoteApp]:
    """Serve an app with these jobs until the block ends."""
    app = RemoteApp(*jobs)
    async with serving(app.answer) as app.server:
        yield app
