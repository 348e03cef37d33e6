"""Whoever sends requests on behalf of tasks: answers as a test says, and nothing leaves the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from perdure.protocol.outbound import OutboundRequest, OutboundResponse

Reply = OutboundResponse | Exception


def answer(body: str = "1", *, status: int = 200, **headers: str) -> OutboundResponse:
    """Make an answer; a header's name has dashes where Python wants underscores."""
    return OutboundResponse(
        status, tuple((name.replace("_", "-"), value) for name, value in headers.items()), body.encode()
    )


class Answers:
    """Implements `perdure.engine.attempts.Requester`.

    Attributes:
        requests: What was sent, in order.
        most: How many requests were under way at once at most.
        hangs: Whether requests get no answer until `let_go`.
    """

    def __init__(self, *replies: Reply, by: Callable[[OutboundRequest], Reply] | None = None) -> None:
        self._replies = list(replies)
        self._by = by
        self.requests: list[OutboundRequest] = []
        self.most = 0
        self.hangs = False
        self.is_closed = False
        self._under_way = 0
        self._gate = asyncio.Event()
        self._arrived = asyncio.Event()

    async def request(self, request: OutboundRequest) -> OutboundResponse:
        """Reply: the last reply again and again once the others are used up."""
        self.requests.append(request)
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        self._arrived.set()
        try:
            if self.hangs:
                await self._gate.wait()
            await asyncio.sleep(0)
            reply = self._by(request) if self._by is not None else self._next()
            if isinstance(reply, Exception):
                raise reply
            return reply
        finally:
            self._under_way -= 1

    async def close(self) -> None:
        self.is_closed = True

    def let_go(self) -> None:
        """Let the requests that hang get their answers."""
        self.hangs = False
        self._gate.set()

    async def arrived(self, count: int) -> None:
        """Wait until so many requests have been sent in all."""
        async with asyncio.timeout(60):
            while len(self.requests) < count:
                self._arrived.clear()
                await self._arrived.wait()

    def _next(self) -> Reply:
        return self._replies[0] if len(self._replies) == 1 else self._replies.pop(0)
