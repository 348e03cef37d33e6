"""The connection that an app sends its batches of tasks by: opened once, then frames (`perdure.protocol.task_line`).

A request of HTTP with its headers, its signature and its client takes five times as long as what is in it, and a step
waits for it, on both sides.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from msgspec import Struct
from yarl import URL

from perdure.protocol.signing import SIGNED_ID_HEADER
from perdure.protocol.task_line import (
    LINE_IDLE_SECONDS,
    LINE_PATH,
    LINE_PROTOCOL,
    NOTICE,
    NOTICES_HEADER,
    FrameReader,
    LineFrameError,
    batch_frame,
    read_answer,
    read_notice,
)
from perdure.transport.write_now import write_now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from perdure.transport.signer import Signer

OPEN_SECONDS: Final = 5.0
"""How long a line may take to be opened, and its connection to be made."""

WATCH_SECONDS: Final = 1.0
"""How often it is looked whether an answer is overdue."""

HEAD_BYTES: Final = 16 * 1024
"""How many bytes of the answer to the opening are read."""


class LineError(Exception):
    """The answer has not come, or not whole."""


class NoLineError(Exception):
    """The server, or what stands before it, opens no line.

    Attributes:
        status: What it has answered with; ``None``: nothing that could be read.
    """

    def __init__(self, status: int | None) -> None:
        super().__init__(f"The line was not opened: {'no answer' if status is None else f'status {status}'}.")
        self.status = status


class LineAnswer(Struct, frozen=True):
    """What a batch was answered with, as by HTTP; ``reset``: when to ask again, in Unix time in milliseconds."""

    status: int
    body: bytes
    reset: int


class TaskLine:
    """Sends batches to a server, one at a time, by a connection that is kept; for one event loop.

    Args:
        url: The server's URL, without a slash at the end.
        headers: The headers of the opening beside those that sign it.
        signer: Signs.
        limit: How many bytes of an answer are read.
        told: Called with what the server tells unasked; ``None``: it is not to.

    Attributes:
        has_answered: Whether a batch was ever answered: what stands before the server lets frames through.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        signer: Signer,
        *,
        limit: int,
        told: Callable[[bytes], None] | None = None,
    ) -> None:
        # As every other request names it: with a host and a path of ASCII alone.
        parts = urlsplit(str(URL(url)).rstrip("/"))
        self.has_answered = False
        self._host = parts.hostname or ""
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (80 if self._tls is None else 443)
        self._target = parts.path + LINE_PATH
        listens = {} if told is None else {NOTICES_HEADER: "1"}
        self._headers = {"Host": parts.netloc.rpartition("@")[2], **headers, **listens}
        self._told = told
        self._signer = signer
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._connection: LineConnection | None = None

    async def ask(self, batch: bytes, *, seconds: float) -> LineAnswer:
        """Send a batch and read the answer.

        Raises:
            OSError: There is no connection.
            NoLineError: There is, but no line.
            LineError: The answer has not come, not whole, not in time, or is none.
        """
        connection = self.connection() or await self._open()
        answered: asyncio.Future[LineAnswer] = self._loop.create_future()

        def tell(answer: LineAnswer | LineError) -> None:
            if answered.done():
                return
            if isinstance(answer, LineError):
                answered.set_exception(answer)
            else:
                answered.set_result(answer)

        connection.send(batch, tell, seconds=seconds)
        try:
            answer = await answered
        finally:
            if answered.cancelled():
                connection.fail("nobody waits for it")
        self.has_answered = True
        return answer

    def connection(self) -> LineConnection | None:
        """Give the connection if it is open and nothing is under way."""
        found = self._connection
        return found if found is not None and found.is_fresh(self._loop.time()) else None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.fail("the line was closed")
            self._connection = None

    async def _open(self) -> LineConnection:
        self.close()
        # The path is signed as for every other call: that of the route.
        signed = self._signer.headers("POST", LINE_PATH, body=b"")
        secret = self._signer.line_secret(signed.get(SIGNED_ID_HEADER, ""))
        made = LineConnection(self._loop, secret, self._limit, self._told)
        headers = {**self._headers, **signed, "Connection": "Upgrade", "Upgrade": LINE_PROTOCOL, "Content-Length": "0"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._loop.create_connection(lambda: made, self._host, self._port, ssl=self._tls)
                status = await made.open(f"POST {self._target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
        except (LineError, TimeoutError) as error:
            made.fail("it was not opened")
            if not made.was_made:
                raise
            # A proxy may drop what it does not know, without a word, or speak an older HTTP.
            raise NoLineError(None) from error
        except BaseException:
            made.fail("it was not opened")
            raise
        if status != 101:
            made.fail("it is no line")
            raise NoLineError(status)
        self._connection = made
        return made


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
            taken = [read_answer(frame) for frame in self._frames.feed_all(data)]
            answers = sum(not self._is_notice(status) for status, _, _ in taken)
            if answers > (self._tell is not None):
                # Before any is given: whoever gets one may send the next batch at once.
                raise LineFrameError("an answer to nothing")
            for status, body, reset in taken:
                self._take(status, body, reset)
        except LineFrameError as error:
            self.fail(str(error))

    def _is_notice(self, status: int) -> bool:
        return status == NOTICE and self._told is not None

    def _take(self, status: int, body: bytes, reset: int) -> None:
        if self._told is not None and self._is_notice(status):
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
