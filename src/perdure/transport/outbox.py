"""What the executions of a process have to store, on its way to a platform of perdure's: many at once.

While a request is under way, what comes gathers for the next one, as commits do in a database.
"""

from __future__ import annotations

import asyncio
import time
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from msgspec import Raw, Struct

from perdure.errors import NotConnectedError, PerdureError
from perdure.protocol.task_batches import BATCH_TYPE, BatchAnswer, BatchItem, BatchOutcome, pack, unpack
from perdure.transport.node_errors import Refused, error_of
from perdure.transport.task_line import LineError
from perdure.transport.wire_link import REQUEST_SECONDS, RateLimitedError, WireRequest

if TYPE_CHECKING:
    from perdure.transport.task_line import LineAnswer
    from perdure.transport.wire_link import WireLink

ITEMS_AT_ONCE: Final = 500
BYTES_AT_ONCE: Final = 1024 * 1024
"""How much goes into one request; a single item may be larger."""

LONGEST_PAUSE: Final = 10.0
"""How many seconds an outbox waits, once, for a platform that says that it is asked too often."""

_PATH: Final = "/api/task-batches"
_REFUSED: Final = 409
_WELL: Final = 200
_ROOM: Final = 10_000


class PackedBatch(Struct, gc=False):
    """A `TaskBatch` whose items are written already."""

    items: list[Raw]


class Outbox:
    """Sends what executions ask for, in its order, and tells each what became of it; for one event loop.

    One request is under way at a time. Two were no faster: what is in the second is not in the first.

    Args:
        link: The way to the platform.
    """

    def __init__(self, link: WireLink) -> None:
        self._link = link
        self._waiting: list[tuple[Raw, asyncio.Future[BatchOutcome | None]]] = []
        self._sending: asyncio.Task[None] | None = None
        self._on_line: list[tuple[Raw, Any]] = []
        self._loop = asyncio.get_running_loop()

    async def put(self, item: BatchItem) -> BatchOutcome | None:
        """Put an item in; returns when the platform has done it. Cancelling this changes nothing: it is sent.

        Raises:
            NotConnectedError: The platform does not answer, or too much is waiting already.
            PerdureError: The platform refuses it: what the same call raises in a node's own process.
        """
        if len(self._waiting) >= _ROOM:
            raise NotConnectedError(f"{_ROOM:,} tasks wait already for the server to store them.")
        done: asyncio.Future[BatchOutcome | None] = self._loop.create_future()
        self._waiting.append((Raw(pack(item)), done))
        if self._sending is None and not self._on_line:
            self._begin()
        outcome = await done
        if outcome is not None and outcome.code is not None:
            raise error_of(_REFUSED, Refused(outcome.error or "", outcome.code), url=self._link.url)
        return outcome

    async def url_of(self, task_id: str) -> str:
        """Ask for the callback URL of a task that is not stored yet; errors are those of `put`."""
        outcome = await self.put(BatchItem("", 0, url_of=task_id))
        if outcome is None or outcome.url is None:
            raise PerdureError("The server has not told where the task gets its result.")
        return outcome.url

    def close(self) -> None:
        """Send nothing more."""
        if self._sending is not None:
            self._sending.cancel()
        else:
            self._stop(self._on_line)

    def _begin(self) -> None:
        line = self._link.open_line()
        if line is None:
            self._sending = self._loop.create_task(self._send_all(), context=Context())
            return
        # Nothing is between the step and its batch, nor between the answer and who waits for it: a step of one run
        # after the other takes as long as they do.
        self._on_line = self._take()
        batch = pack(PackedBatch([item for item, _ in self._on_line]))
        line.send(batch, self._take_answer, seconds=REQUEST_SECONDS)

    def _take_answer(self, answer: LineAnswer | LineError) -> None:
        taken, self._on_line = self._on_line, []
        if not taken:
            return
        if isinstance(answer, LineError) or answer.status != _WELL:
            # Whatever it is, the whole of it comes again, the usual way.
            self._waiting[:0] = taken
            self._sending = self._loop.create_task(self._send_all(), context=Context())
            return
        try:
            _tell(taken, _read(answer.body, len(taken)))
        except PerdureError as error:
            _fail(taken, error)
        if self._waiting:
            self._begin()

    def _stop(self, taken: list[tuple[Raw, Any]]) -> None:
        _fail([*taken, *self._waiting], NotConnectedError("The app stops."))
        self._waiting.clear()
        self._on_line = []

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                taken = self._take()
                try:
                    outcomes = await self._send([item for item, _ in taken])
                except Exception as error:
                    _fail(taken, error)
                except asyncio.CancelledError:
                    self._stop(taken)
                    raise
                else:
                    _tell(taken, outcomes)
        finally:
            self._sending = None

    def _take(self) -> list[tuple[Raw, Any]]:
        size, count = 0, 0
        for item, _ in self._waiting[:ITEMS_AT_ONCE]:
            size += len(item)
            if count and size > BYTES_AT_ONCE:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _send(self, items: list[Raw]) -> list[BatchOutcome | None]:
        request = WireRequest("POST", _PATH, pack(PackedBatch(items)), content_type=BATCH_TYPE, on_line=True)
        try:
            reply = await self._link.ask(request)
        except RateLimitedError as error:
            # What was done is done again if it is not stored, so it is worth to wait a little.
            pause = error.reset / 1000 - time.time()
            if pause > LONGEST_PAUSE:
                raise
            await asyncio.sleep(max(pause, 0))
            reply = await self._link.ask(request)
        return _read(reply.body, len(items))


def _read(body: bytes, count: int) -> list[BatchOutcome | None]:
    outcomes = unpack(body, BatchAnswer).outcomes
    if len(outcomes) != count:
        raise PerdureError(f"{count} items were sent, and the server has answered {len(outcomes)}.")
    return outcomes


def _tell(taken: list[tuple[Raw, Any]], outcomes: list[BatchOutcome | None]) -> None:
    for (_, future), outcome in zip(taken, outcomes, strict=True):
        if not future.done():
            future.set_result(outcome)


def _fail(taken: list[tuple[Raw, Any]], error: Exception) -> None:
    for _, future in taken:
        if not future.done():
            future.set_exception(error)
            # Whoever was to read it may have gone.
            future.exception()
