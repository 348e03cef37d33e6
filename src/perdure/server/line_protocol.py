"""A connection that is a task line: frames in, frames out (`perdure.protocol.task_line`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from perdure.protocol.task_batches import BATCH_BYTES
from perdure.protocol.task_line import LINE_IDLE_SECONDS, FrameReader, LineFrameError
from perdure.server.head_start import start_now
from perdure.transport.write_now import write_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.api.task_lines import TaskLine

FRAME_BYTES: Final = BATCH_BYTES + 64
"""How many bytes a frame may have."""


class LineProtocol(asyncio.Protocol):
    """Reads a frame, has it answered, and only then reads the next; what does otherwise is cut off.

    A frame that stays away, or comes in pieces for long, ends the line as well.

    Args:
        line: Answers frames.
        connections: Where the server keeps its connections, to end them when it stops.
        tasks: Where it keeps what is at work, and waits for it then.
        idle_seconds: For how long no frame may come.
    """

    def __init__(
        self,
        line: TaskLine,
        *,
        connections: set[Any],
        tasks: set[asyncio.Task[None]],
        idle_seconds: float = 2 * LINE_IDLE_SECONDS,
    ) -> None:
        self._line = line
        self._connections = connections
        self._tasks = tasks
        self._idle_seconds = idle_seconds
        self._loop = asyncio.get_running_loop()
        self._frames = FrameReader(FRAME_BYTES)
        self._is_answering = self._is_full = self._is_stopping = False
        self._was_used = True
        self._transport: Any = None
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin with a connection that was something else until now."""
        self._transport = transport
        self._connections.add(self)
        self._line.write = self._write
        self._look()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        try:
            frame = self._frames.feed(data)
        except LineFrameError:
            self._transport.abort()
            return
        if self._is_answering:
            self._transport.abort()
        elif frame is not None:
            self._is_answering = True
            start_now(self._loop, self._answer(frame), self._keep)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; what was asked for is done nevertheless."""
        self._connections.discard(self)
        self._line.write = None
        if self._watch is not None:
            self._watch.cancel()

    def pause_writing(self) -> None:
        """Read nothing more of who does not read its answers."""
        self._is_full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_full = False
        self._transport.resume_reading()

    def shutdown(self) -> None:
        """End the line, after the answer that is under way."""
        self._is_stopping = True
        if not self._is_answering:
            self._transport.close()

    def _write(self, frame: Callable[[], bytes]) -> None:
        # What nobody reads must not pile up.
        if not self._is_full and not self._is_stopping and not self._transport.is_closing():
            write_now(self._transport, frame())

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, frame: bytes) -> None:
        try:
            answer = await self._line.answer(frame)
        except asyncio.CancelledError:
            # The server stops, and waits no longer.
            self._transport.abort()
            raise
        finally:
            self._is_answering = False
        self._was_used = True
        if not self._transport.is_closing():
            write_now(self._transport, answer)
        self._line.note()
        if self._is_stopping or self._line.is_over:
            self._transport.close()

    def _look(self) -> None:
        if not self._is_answering and not self._was_used:
            self._transport.abort()
            return
        self._was_used = False
        self._watch = self._loop.call_later(self._idle_seconds, self._look)
