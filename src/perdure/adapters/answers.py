"""Answers of a worker on their way to its server: those that come while a request is under way share the next one."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from perdure.protocol.worker_messages import WorkerAnswer

AT_ONCE: Final = 200
CHARACTERS_AT_ONCE: Final = 1024 * 1024
"""How much goes into one request; a single answer may be larger."""


class Answers:
    """Sends answers in their order; for one event loop.

    Args:
        send: Sends some, for as long as the server is to be had; whether it has taken them.
    """

    def __init__(self, send: Callable[[Sequence[WorkerAnswer]], Awaitable[bool]]) -> None:
        self._send = send
        self._waiting: list[tuple[WorkerAnswer, asyncio.Future[bool]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def put(self, answer: WorkerAnswer) -> bool:
        """Send an answer; returns whether the server has taken it."""
        taken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((answer, taken))
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_all(), context=Context())
        return await taken

    def drop(self) -> None:
        """Send nothing more of what is here: nobody waits for it any longer."""
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        for _, taken in self._waiting:
            taken.cancel()
        self._waiting.clear()

    async def _send_all(self) -> None:
        while self._waiting:
            some = self._take()
            is_taken = await self._send([answer for answer, _ in some])
            for answer, taken in some:
                # One that the server does not take must not keep the others from it.
                is_taken_so = is_taken or (len(some) > 1 and await self._send([answer]))
                if not taken.done():
                    taken.set_result(is_taken_so)
        self._sending = None

    def _take(self) -> list[tuple[WorkerAnswer, asyncio.Future[bool]]]:
        size, count = 0, 0
        for answer, _ in self._waiting[:AT_ONCE]:
            size += len(answer.body or "")
            if count and size > CHARACTERS_AT_ONCE:
                break
            count += 1
        some, self._waiting = self._waiting[:count], self._waiting[count:]
        return some
