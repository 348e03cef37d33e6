"""Streams: server-sent events for as long as somebody reads them."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from perdure.api.answers import new_request_id
from perdure.api.refusals import Refusal, refusal_of
from perdure.errors import PerdureError
from perdure.protocol.api_json import encode

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from typing import TypeAlias

    from starlette.types import Receive, Scope, Send

    Event: TypeAlias = tuple[str, Any]
    Source: TypeAlias = AsyncGenerator[Event, None]
    Following: TypeAlias = asyncio.Future[Event | None]

MOST_STREAMS = 100
"""How many streams a node has open at once."""

HEARTBEAT_SECONDS = 15.0
"""How often a stream says that it is alive."""

CHECK_SECONDS = 5.0
"""How often it is looked whether a stream may go on, when nothing is sent by it."""

STALLED_SECONDS = 30.0
"""For how long a reader may take nothing before its stream is cut."""

_HEARTBEAT = b": still here\n\n"
_LINE = re.compile(rb"\r\n|\r|\n")


class Streams:
    """The streams that a node has open."""

    def __init__(self, *, most: int = MOST_STREAMS) -> None:
        self._most = most
        self._open = 0

    def open(self, source: Source, *, stopping: asyncio.Event, check: Callable[[], None]) -> EventStream:
        """Begin a stream.

        Args:
            source: Its events: a name, and a struct of the API. It is closed when nobody reads any more.
            stopping: Ends it when it is set.
            check: Raises a `Refusal` once whoever reads it may not go on.

        Raises:
            Refusal: There are as many open as there may be.
        """
        if self._open >= self._most:
            sentence = f"{self._most} streams are open already; close some, or ask for pages instead."
            raise Refusal(503, "too_many_streams", sentence, headers={"Retry-After": "5"})
        self._open += 1
        return EventStream(source, stopping, on_end=self._close, check=check)

    def _close(self) -> None:
        self._open -= 1


class EventStream(Response):
    """An answer that goes on; the events of a reader that is slow are taken from the source later.

    Args:
        source: Its events.
        stopping: Ends it when it is set.
        on_end: Called when it has ended.
        check: Raises a `Refusal` once whoever reads it may not go on, which ends it: a key opens nothing any more.
    """

    media_type = "text/event-stream"

    def __init__(
        self, source: Source, stopping: asyncio.Event, *, on_end: Callable[[], None], check: Callable[[], None]
    ) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._source = source
        self._stopping = stopping
        self._on_end = on_end
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until there are no more, nobody reads them, or the node stops."""
        first = asyncio.ensure_future(_next(self._source))
        ends = [asyncio.ensure_future(_until_gone(receive)), asyncio.ensure_future(_until_set(self._stopping))]
        try:
            # What happens once the reader knows that the stream is open is to be in it.
            await asyncio.sleep(0)
            # Whoever takes nothing is cut off: the server closes a connection whose answer is not finished.
            with suppress(TimeoutError):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await _send(send, _HEARTBEAT)
                if scope["method"] != "HEAD":
                    await self._pump(send, first, ends)
                await _send(send, b"", more=False)
        finally:
            self._on_end()
            await _cancel(first, *ends)
            await self._source.aclose()

    async def _pump(self, send: Send, following: Following, ends: Sequence[asyncio.Future[None]]) -> None:
        while True:
            try:
                found = await self._await_beating(following, ends, send)
                # What happens after a key was taken back is none of its holder's business.
                self._check()
            except (PerdureError, Refusal) as error:
                refusal = refusal_of(error, new_request_id())
                body = {"error": refusal.sentence, "code": refusal.code}
                await _send(send, _frame("error", msgspec.json.encode(body)))
                return
            finally:
                await _cancel(following)
            if found is None:
                return
            name, value = found
            await _send(send, _frame(name, encode(value)))
            following = asyncio.ensure_future(_next(self._source))

    async def _await_beating(
        self, following: Following, ends: Sequence[asyncio.Future[None]], send: Send
    ) -> Event | None:
        """Wait for the next event, and say now and then that the stream is alive; ``None`` at the end."""
        waited: list[asyncio.Future[Any]] = [following, *ends]
        quiet = 0.0
        while True:
            pause = min(CHECK_SECONDS, HEARTBEAT_SECONDS)
            done, _ = await asyncio.wait(waited, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if following in done:
                return following.result()
            if done:
                return None
            self._check()
            quiet += pause
            if quiet >= HEARTBEAT_SECONDS:
                quiet = 0.0
                await _send(send, _HEARTBEAT)


async def _next(source: Source) -> Event | None:
    return await anext(source, None)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until_set(event: asyncio.Event) -> None:
    await event.wait()


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    async with asyncio.timeout(STALLED_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": more})


def _frame(name: str, data: bytes) -> bytes:
    # JSON that users sent may have lines.
    lines = b"".join(b"data: %s\n" % line for line in _LINE.split(data))
    return b"event: %s\n%s\n" % (name.encode(), lines)
