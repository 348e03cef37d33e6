"""One connection of a task line: the head of an answer, then frames (`perdure.protocol.task_line`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from perdure.protocol.task_line import (
    LINE_IDLE_SECONDS,
    NOTICE,
    FrameReader,
    LineFrameError,
    batch_frame,
    read_answer,
    read_notice,
)
from perdure.transport.write_now import write_now

if TYPE_CHECKING:
    from collections.abc import Callable

WATCH_SECONDS: Final = 1.0
"""How often it is looked whether an answer is overdue."""

HEAD_BYTES: Final = 16 * 1024
"""How many bytes of the answer to the opening are read."""


class LineError(Exception):
    """The answer has not come, or not whole."""


class LineAnswer(Struct, frozen=True):
    """What a batch was answered with, as by HTTP; ``reset``: when to ask again, in Unix time in milliseconds."""

    status: int
    body: bytes
    reset: int


class LineConnection(asyncio.Protocol):
    """One connection: first the head of an answer, then frames.

    Args:
        loop: The event loop.
        secret: What is sent is signed with that.
        limit: How many bytes of an answer are read.
        told: Called with each notice.

    Attributes:
        was_made: Whether the server, or what stands before it, has taken the connection.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        secret: bytes,
        limit: int,
        told: Callable[[bytes], None] | None = None,
    ) -> None:
        self._loop = loop
        self._told = told
        self._notices = 0
        self._secret = secret
        self._frames = FrameReader(limit)
        self._head: bytearray | None = bytearray()
        self._number = 0
        self._transport: Any = None
        self._opened: asyncio.Future[int] = loop.create_future()
        self._tell: Callable[[LineAnswer | LineError], None] | None = None
        self._due = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._used_at = loop.time()
        self._is_open = True
        self.was_made = False

    def is_fresh(self, now: float) -> bool:
        """Whether a batch can be sent by it."""
        return self._is_open and self._tell is None and now - self._used_at < LINE_IDLE_SECONDS

    async def open(self, head: bytes) -> int:
        """Send the head of the opening; the status that it is answered with."""
        self._transport.write(head)
        return await self._opened

    def send(self, batch: bytes, tell: Callable[[LineAnswer | LineError], None], *, seconds: float) -> None:
        """Send a batch.

        Args:
            batch: The batch, packed.
            tell: Called with the answer, or with why there is none.
            seconds: How long the answer may take.
        """
        self._tell = tell
        write_now(self._transport, batch_frame(self._secret, self._number, batch))
        self._number += 1
        self._due = self._loop.time() + seconds
        if self._watch is None:
            # One timer for many batches: most are answered long before.
            self._watch = self._loop.call_later(min(seconds, WATCH_SECONDS), self._look)

    def fail(self, why: str) -> None:
        """Close it, and say so to whoever waits for an answer."""
        self._is_open = False
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if not self._opened.done():
            self._opened.set_exception(LineError(why))
            # Whoever was to read it may have gone.
            self._opened.exception()
        if self._transport is not None:
            self._transport.abort()
        self._answer(LineError(why))

    def _answer(self, answer: LineAnswer | LineError) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(answer)

    def _look(self) -> None:
        self._watch = None
        if self._tell is None:
            return
        left = self._due - self._loop.time()
        if left <= 0:
            self.fail("it took too long")
        else:
            self._watch = self._loop.call_later(min(left, WATCH_SECONDS), self._look)

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        self.was_made = True

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        if self._head is not None:
            self._read_head(data)
            return
        try:
            taken: list[tuple[int, bytes, int]] = []
            answers = 0
            for frame in self._frames.feed_all(data):
                taken.append(answer := read_answer(frame))
                answers += answer[0] != NOTICE or self._told is None
            if answers > (self._tell is not None):
                # Before any is given: whoever gets one may send the next batch at once.
                raise LineFrameError("an answer to nothing")
            for status, body, reset in taken:
                self._take(status, body, reset)
        except LineFrameError as error:
            self.fail(str(error))

    def _take(self, status: int, body: bytes, reset: int) -> None:
        if self._told is not None and status == NOTICE:
            notice = read_notice(self._secret, self._notices, body)
            self._notices += 1
            self._told(notice)
            return
        self._used_at = self._loop.time()
        self._answer(LineAnswer(status, body, reset))

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.fail("the connection was lost")

    def _read_head(self, data: bytes) -> None:
        head = self._head
        assert head is not None
        head += data
        end = head.find(b"\r\n\r\n")
        if end < 0 and len(head) <= HEAD_BYTES:
            return
        self._head = None
        version, _, rest = bytes(head[:12]).partition(b" ")
        # Nothing follows a 101 before something was sent.
        is_whole = end >= 0 and version == b"HTTP/1.1" and rest.isdigit() and (rest != b"101" or end + 4 == len(head))
        if not is_whole:
            self.fail("the answer is no HTTP")
        elif not self._opened.done():
            self._opened.set_result(int(rest))
