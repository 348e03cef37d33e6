"""A service that jobs fetch from: what reaches it, and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from perdure.protocol.json_text import dump
from tests.scenarios.app import PATIENCE
from tests.transport.server import Received, Server, response, serving


@dataclass(frozen=True)
class Reply:
    """An answer: a value as JSON, or bytes as they are."""

    value: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def written(self) -> bytes:
        body = self.value if isinstance(self.value, bytes) else dump(self.value).encode()
        return response(body, status=f"{self.status} Status", headers=self.headers)


class Target:
    """A server with answers for each path: one after the other, the last again and again.

    Attributes:
        hangs: Whether requests get no answer.
        before_answer: Awaited before each answer.
    """

    def __init__(self, replies: dict[str, list[Reply]]) -> None:
        self._replies = replies
        self._server: Server | None = None
        self._arrived = asyncio.Event()
        self.hangs = False
        self.before_answer: Callable[[], Awaitable[None]] | None = None

    @property
    def requests(self) -> list[Received]:
        """What has reached it, in order."""
        assert self._server is not None
        return self._server.requests

    def url(self, path: str) -> str:
        assert self._server is not None
        return self._server.origin + path

    async def arrived(self, count: int = 1) -> None:
        """Wait until so many requests have reached it in all."""
        async with asyncio.timeout(PATIENCE):
            while len(self.requests) < count:
                self._arrived.clear()
                await self._arrived.wait()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Target]:
        async with serving(self._answer) as server:
            self._server = server
            yield self

    async def _answer(self, received: Received, writer: asyncio.StreamWriter) -> None:
        self._arrived.set()
        if self.hangs:
            await asyncio.Event().wait()
        if self.before_answer is not None:
            await self.before_answer()
        replies = self._replies[received.target.partition("?")[0]]
        writer.write((replies[0] if len(replies) == 1 else replies.pop(0)).written())
        await writer.drain()


def target(**replies: Reply | list[Reply]) -> Any:
    """Listen with these answers until the block ends; a path is named without its slash."""
    listed = {f"/{path}": one if isinstance(one, list) else [one] for path, one in replies.items()}
    return Target(listed).listening()
