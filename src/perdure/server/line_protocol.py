"""A connection that is a task line: frames in, frames out (`perdure.protocol.task_line`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from perdure.protocol.task_batches import BATCH_BYTES
from perdure.protocol.task_line import LINE_IDLE_SECONDS, FrameReader, LineFrameError

if TYPE_CHECKING:
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
        self._answering: asyncio.Task[None] | None = None
        self._is_full = self._is_stopping = False
        self._was_used = True
        self._transport: Any = None
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin with a connection that was something else until now."""
        self._transport = transport
        self._connections.add(self)
        self._look()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        try:
            frame = self._frames.feed(data)
        except LineFrameError:
            self._transport.abort()
            return
        if self._answering is not None or self._is_full:
            self._transport.abort()
        elif frame is not None:
            self._answering = task = self._loop.create_task(self._answer(frame))
            self._tasks.add(task)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; what was asked for is done nevertheless."""
        self._connections.discard(self)
        if self._watch is not None:
            self._watch.cancel()

    def pause_writing(self) -> None:
        """Read nothing more of who does not read its answers."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Go on."""
        self._is_full = False

    def shutdown(self) -> None:
        """End the line, after the answer that is under way."""
        self._is_stopping = True
        if self._answering is None:
            self._transport.close()

    async def _answer(self, frame: bytes) -> None:
        try:
            answer = await self._line.answer(frame)
        except asyncio.CancelledError:
            # The server stops, and waits no longer.
            self._transport.abort()
            raise
        finally:
            if self._answering is not None:
                self._tasks.discard(self._answering)
            self._answering = None
        self._was_used = True
        if not self._transport.is_closing():
            self._transport.write(answer)
        self._line.note()
        if self._is_stopping or self._line.is_over:
            self._transport.close()

    def _look(self) -> None:
        if self._answering is None and not self._was_used:
            self._transport.abort()
            return
        self._was_used = False
        self._watch = self._loop.call_later(self._idle_seconds, self._look)
